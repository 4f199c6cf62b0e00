#include "load/tenant_plan.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "load/load.h"

namespace weir::bench {
namespace {

namespace dom = simdjson::dom;

std::vector<Moment> moments_of(dom::array all) {
  std::vector<Moment> moments;
  for (const dom::element each : all) {
    moments.push_back({.due_s = double(each.at(0)),
                       .body = static_cast<std::size_t>(std::uint64_t(each.at(1))),
                       .records = static_cast<std::size_t>(std::uint64_t(each.at(2)))});
  }
  return moments;
}

MixPlan mix_of(dom::element json) {
  MixPlan mix{.name = std::string(std::string_view(json["name"])),
              .operation = std::string(std::string_view(json["operation"])),
              .bodies = {},
              .per_second = double(json["per_second"]),
              .connections = static_cast<std::size_t>(std::uint64_t(json["connections"])),
              .moments = std::nullopt};
  for (const dom::element body : dom::array(json["bodies"])) mix.bodies.emplace_back(simdjson::minify(body));
  dom::array moments;
  if (json["moments"].get(moments) == simdjson::SUCCESS) mix.moments = moments_of(moments);
  return mix;
}

}  // namespace

Body::Body(std::string json) : whole_(std::move(json)) {
  dom::parser parser;
  const dom::object members = parser.parse(whole_);
  for (const dom::key_value_pair member : members) {
    dom::array records;
    if (member.key == "Records" && member.value.get(records) == simdjson::SUCCESS) {
      for (const dom::element record : records) records_.push_back(simdjson::minify(record));
    } else {
      others_ += fmt::format("\"{}\":{},", member.key, simdjson::minify(member.value));
    }
  }
}

std::string Body::text(std::size_t records) const {
  if (records >= this->records()) return whole_;
  std::string text = "{" + others_ + "\"Records\":[";
  for (std::size_t i = 0; i < records; ++i) text += (i == 0 ? "" : ",") + records_[i];
  return text + "]}";
}

TenantPlan read_tenant_plan(const std::string& path) {
  try {
    dom::parser parser;
    const dom::element json = parser.load(path);
    TenantPlan plan{.seconds = double(json["seconds"]), .ports = {}, .signing = {}, .mixes = {}};
    plan.signing.access_key_id = std::string_view(json["key"].at(0));
    plan.signing.secret_access_key = std::string_view(json["key"].at(1));
    for (const std::uint64_t port : dom::array(json["ports"])) plan.ports.push_back(static_cast<std::uint16_t>(port));
    for (const dom::element mix : dom::array(json["mixes"])) plan.mixes.push_back(mix_of(mix));
    return plan;
  } catch (const simdjson::simdjson_error& error) {
    fail(fmt::format("{}: {}", path, error.what()));
  }
}

}  // namespace weir::bench
