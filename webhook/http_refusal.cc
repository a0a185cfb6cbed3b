#include "webhook/http_refusal.h"

#include "webhook/http_status.h"

namespace signet {
std::string refusal_text(const HttpRefusal& refusal) {
  std::string body = "signet: ";
  body.append(refusal.rule).append("\n");
  std::string text = "HTTP/1.1 " + std::to_string(refusal.status) + " ";
  text.append(reason_phrase(refusal.status)).append("\r\n");
  if (!refusal.allow.empty()) {
    text.append("Allow: ").append(refusal.allow).append("\r\n");
  }
  text.append("Content-Type: text/plain; charset=utf-8\r\nContent-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\nConnection: close\r\n\r\n")
      .append(body);
  return text;
}

}  // namespace signet
