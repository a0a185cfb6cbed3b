#include "webhook/http_refusal.h"

namespace signet {
namespace {

// RFC 9110 §15, RFC 6585 §5 for 431.
std::string_view reason_phrase(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Refused";
  }
}

}  // namespace

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
