#include "tools/signet/reload/ca_news.h"

#include <catch2/catch.hpp>

#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;

namespace {

using std::chrono::days;
using std::chrono::hours;

std::shared_ptr<const IssuerChain> chain(const Issued& root) {
  auto parsed = IssuerChain::parse(root.pem(), "");
  REQUIRE(parsed);
  return std::make_shared<const IssuerChain>(*std::move(parsed));
}

CaStates states_of(std::shared_ptr<const IssuerChain> in_force, std::shared_ptr<const IssuerChain> staged = nullptr,
                   std::vector<std::string> problems = {}, bool is_kept = true) {
  CaState state{.secret_name = "",
                .found = {.source = Ca{}, .in_use = std::nullopt},
                .in_force = Ca{.chain = std::move(in_force), .authority = nullptr},
                .staged = std::move(staged),
                .problems = std::move(problems),
                .is_kept = is_kept};
  CaStates states;
  states.emplace("foo", std::move(state));
  return states;
}

std::vector<std::string> texts(const std::vector<CaNews::Item>& items) {
  std::vector<std::string> texts;
  for (const CaNews::Item& item : items) {
    CHECK(item.signer == "foo");
    texts.push_back(item.text);
  }
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("each change of a CA is told once") {
  const Issued root = make_certificate(ca_spec("foo"), nullptr);
  CertificateSpec longer = ca_spec("foo");
  longer.not_after += days(30);
  const auto first = chain(root);
  const auto renewed = chain(make_certificate(longer, root, *root.key));
  const auto other = chain(make_certificate(ca_spec("foo"), nullptr));
  const std::string waits = "another CA key waits for `signet ca activate`: " + key_and_end(*other);

  CaNews news;
  CHECK(texts(news.tell(states_of(first), kNow)).empty());
  CHECK(texts(news.tell(states_of(first), kNow)).empty());
  CHECK(texts(news.tell(states_of(renewed), kNow)) ==
        Texts{"another certificate of the same CA key is in force: " + key_and_end(*renewed)});
  CHECK(texts(news.tell(states_of(renewed, other), kNow)) == Texts{waits});
  CHECK(texts(news.tell(states_of(renewed, other), kNow)).empty());
  CHECK(texts(news.tell(states_of(other), kNow)) == Texts{"another CA key is in force: " + key_and_end(*other)});
  CHECK(texts(news.tell(states_of(other, first), kNow)).size() == 1);
  CHECK(texts(news.tell(states_of(other), kNow)) == Texts{"no other CA key waits any more"});
  CHECK(texts(news.tell(states_of(other, nullptr, {"bad", "worse"}), kNow)) ==
        Texts{"CA not taken: bad", "CA not taken: worse"});
  CHECK(texts(news.tell(states_of(other, nullptr, {"bad", "worse"}), kNow)).empty());
  CHECK(texts(news.tell(states_of(other), kNow)) == Texts{"the CA that was not taken is mended"});

  CHECK(texts(CaNews().tell(states_of(first, other, {}, false), kNow)) ==
        Texts{waits + "; nothing keeps the one in force beyond a restart, which would take this one"});
}

TEST_CASE("a CA that ends is told long before, each day, and loudly when nothing is signed any more") {
  CertificateSpec spec = ca_spec("foo");
  spec.not_before = kNow - days(80);
  spec.not_after = kNow + days(10);
  const auto ca = chain(make_certificate(spec, nullptr));
  const CaStates states = states_of(ca);
  CaNews news;
  CHECK(news.tell(states, kNow - days(20)).empty());
  const std::string end = "the CA expires at 2026-12-03T20:00:00Z";
  CHECK(texts(news.tell(states, kNow)) == Texts{end + ": it is to be renewed"});
  CHECK(news.tell(states, kNow + hours(23)).empty());
  CHECK(texts(news.tell(states, kNow + hours(24))) == Texts{end + ": it is to be renewed"});
  const auto over = news.tell(states, kNow + days(10));
  REQUIRE(texts(over) == Texts{end + ": nothing is signed with it any more"});
  CHECK(over[0].level == LogLevel::kError);
}

TEST_CASE("/readyz counts what there is to say of CAs and names nobody's") {
  const auto first = chain(make_certificate(ca_spec("foo"), nullptr));
  const auto other = chain(make_certificate(ca_spec("foo"), nullptr));
  CHECK(note_on(states_of(first), kNow).empty());
  CHECK(note_on(states_of(first, other), kNow) == "another key waits for activation (signers: 1); the log says which");
  CHECK(
      note_on(states_of(first, other, {"bad"}), kNow + days(160)) ==
      "another key waits for activation (signers: 1); what was found is not used (signers: 1); the CA is to be renewed "
      "(signers: 1); the log says which");
  CHECK(note_on(states_of(first), kNow + days(9999)) == "nothing is signed any more (signers: 1); the log says which");
}
