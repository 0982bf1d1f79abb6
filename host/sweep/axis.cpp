#include "sharpsweep/sweep/axis.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "sharpsweep/numerics/portable_math.hpp"
#include "sharpsweep/sweep/errors.hpp"
#include "sharpsweep/sweep/keys.hpp"

namespace sharpsweep {
namespace {

[[noreturn]] void fail(std::string_view key, const std::string& sentence) {
  throw UsageError(std::string(key) + ": " + sentence);
}

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

struct InitForm {
  std::string_view name;
  ssam::Init::Kind kind;
  std::size_t arguments;
  std::string_view form;
};
constexpr std::array kInitForms = {
    InitForm{"balanced", ssam::Init::Kind::balanced, 1, "balanced(s)"},
    InitForm{"unbalanced", ssam::Init::Kind::unbalanced, 2, "unbalanced(s,r)"},
    InitForm{"zero_last", ssam::Init::Kind::zero_last, 1, "zero_last(s)"},
    InitForm{"gaussian", ssam::Init::Kind::gaussian, 1, "gaussian(s)"},
};

/// lin, log or range.
std::vector<double> expand(std::string_view key, std::string_view text, const Call& call) {
  const auto& arguments = call.arguments;
  std::vector<double> values;
  if (call.name == "lin" || call.name == "log") {
    if (arguments.size() != 3) {
      fail(key, in_quotes(text) + " needs three numbers: " + call.name + "(first,last,count)");
    }
    const double first = parse_number(key, arguments[0]);
    const double last = parse_number(key, arguments[1]);
    const std::uint64_t count = parse_integer(key, arguments[2], 1, kMaxAxisLength);
    if (count == 1 && first != last) {
      fail(key,
           in_quotes(text) + " has one value but two ends: make them equal or count at least 2");
    }
    const bool logarithmic = call.name == "log";
    if (logarithmic && !(first > 0 && last > 0)) {
      fail(key, in_quotes(text) + " needs both ends above 0");
    }
    const double from = logarithmic ? portable::log(first) : first;
    const double to = logarithmic ? portable::log(last) : last;
    for (std::uint64_t i = 0; i < count; ++i) {
      const double t = static_cast<double>(i), n = static_cast<double>(count - 1);
      const double value = i == 0 ? from : from + t * (to - from) / n;
      values.push_back(!logarithmic     ? value
                       : i == 0         ? first
                       : i + 1 == count ? last
                                        : portable::exp(value));
    }
    if (!logarithmic && count > 1) values.back() = last;
  } else {
    if (arguments.size() != 2 && arguments.size() != 3) {
      fail(key, in_quotes(text) + " needs two or three numbers: range(first,last[,stride])");
    }
    const double first = parse_number(key, arguments[0]);
    const double last = parse_number(key, arguments[1]);
    const double stride = arguments.size() == 3 ? parse_number(key, arguments[2]) : 1;
    if (stride == 0 || (last - first) / stride < 0) {
      fail(key,
           in_quotes(text) + " never reaches its end: the stride has to lead from first to last");
    }
    // A stride such as 0.1 may miss the end by rounding; it still counts as hit.
    const double exact = (last - first) / stride;
    const double strides = std::floor(exact * (1 + 1e-12));
    if (!(strides < static_cast<double>(kMaxAxisLength)))
      fail(key, in_quotes(text) + " is too long");
    const auto last_index = static_cast<std::uint64_t>(strides);
    for (std::uint64_t i = 0; i <= last_index; ++i) {
      values.push_back(first + static_cast<double>(i) * stride);
    }
    if (std::fabs(exact - strides) <= 1e-12 * exact) values.back() = last;
  }
  return values;
}

} // namespace

double parse_number(std::string_view key, std::string_view text) {
  double value = 0;
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty() ||
      (digits.data() != text.data() && digits.find_first_of("+-") == 0)) {
    fail(key, in_quotes(text) + " is not a number" +
                  (error == std::errc::result_out_of_range ? " that a double holds" : ""));
  }
  if (!std::isfinite(value)) fail(key, in_quotes(text) + " is not a finite number");
  return value;
}

std::uint64_t parse_integer(std::string_view key, std::string_view text, std::uint64_t low,
                            std::uint64_t high) {
  const auto out_of_range = [&] {
    fail(key, in_quotes(text) + " is not an integer from " + std::to_string(low) + " to " +
                  std::to_string(high));
  };
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    const double number = parse_number(key, text);
    if (!(number >= 0 && number < 0x1p53) || number != std::floor(number)) out_of_range();
    value = static_cast<std::uint64_t>(number);
  }
  if (value < low || value > high) out_of_range();
  return value;
}

Call parse_call(std::string_view key, std::string_view text) {
  Call call;
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos) {
    call.name = text;
    return call;
  }
  if (text.back() != ')' || text.find('(', open + 1) != std::string_view::npos ||
      text.find(')') != text.size() - 1) {
    fail(key, "the parentheses of " + in_quotes(text) + " do not match");
  }
  if (text.find_first_of("\"'\n") != std::string_view::npos) {
    fail(key, in_quotes(text) + " has a quote or a line break within"); // text() could not keep it
  }
  call.name = text.substr(0, open);
  while (!call.name.empty() && call.name.back() == ' ') call.name.pop_back();
  call.arguments = split_items(text.substr(open + 1, text.size() - open - 2));
  return call;
}

std::vector<double> parse_axis(std::string_view key, std::span<const std::string> items) {
  std::vector<double> values;
  for (const std::string& item : items) {
    const Call call = parse_call(key, item);
    if (call.name == "lin" || call.name == "log" || call.name == "range") {
      const std::vector<double> part = expand(key, item, call);
      values.insert(values.end(), part.begin(), part.end());
    } else if (!call.arguments.empty()) {
      fail(key, in_quotes(item) + " is not an axis: write a number, lin(first,last,count), "
                                  "log(first,last,count) or range(first,last[,stride])");
    } else {
      values.push_back(parse_number(key, item));
    }
    if (values.size() > kMaxAxisLength) fail(key, "the axis has more than 2^24 values");
  }
  if (values.empty()) fail(key, "the axis is empty: give at least one value");
  for (double& value : values) value += 0.0; // -0 is 0
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) fail(key, format_number(*twice) + " stands twice on the axis");
  return values;
}

ssam::Init parse_init(std::string_view text) {
  const Call call = parse_call("init", text);
  const auto form = std::find_if(kInitForms.begin(), kInitForms.end(),
                                 [&](const InitForm& f) { return f.name == call.name; });
  if (form == kInitForms.end()) {
    std::array<std::string_view, kInitForms.size()> names;
    std::transform(kInitForms.begin(), kInitForms.end(), names.begin(),
                   [](const InitForm& f) { return f.name; });
    const std::string near = nearest_name(call.name, names);
    fail("init", in_quotes(text) + " is not a start" +
                     (near.empty() ? ": write balanced(s), unbalanced(s,r), zero_last(s) or "
                                     "gaussian(s)"
                                   : "; did you mean '" + near + "'?"));
  }
  if (call.arguments.size() != form->arguments) {
    fail("init", in_quotes(text) + " needs " +
                     (form->arguments == 1 ? "one number: " : "two numbers: ") +
                     std::string(form->form));
  }
  ssam::Init init;
  init.kind = form->kind;
  init.scale = parse_number("init", call.arguments[0]) + 0.0;
  if (form->arguments == 2) {
    init.ratio = parse_number("init", call.arguments[1]);
    if (init.ratio == 0) fail("init", in_quotes(text) + " divides by its ratio, which can't be 0");
  }
  return init;
}

std::string format_number(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, end};
}

std::string format_init(const ssam::Init& init) {
  const InitForm& form = kInitForms[static_cast<std::size_t>(init.kind)];
  return std::string(form.name) + "(" + format_number(init.scale) +
         (form.arguments == 2 ? "," + format_number(init.ratio) : "") + ")";
}

} // namespace sharpsweep
