#include "sharpsweep/sweep/keys.hpp"

#include <algorithm>
#include <array>

#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

constexpr std::array kSsamKeys = {
    Key{"model", "NAME", "ssam", "the dynamics (see 'sharpsweep models')"},
    Key{"depth", "LIST of 1..16", "2", "number of layers L", true},
    Key{"init", "LIST of balanced(s) | unbalanced(s,r) | zero_last(s) | gaussian(s)", "balanced(1)",
        "how weights start: every weight s; first layer s*r, last s/r, others s; last layer 0, "
        "others s; N(0,s^2)",
        true},
    Key{"step_size", "AXIS > 0", "0.01", "step size alpha, in the unit of step_size_unit", true},
    Key{"step_size_unit", "absolute | scaled", "absolute",
        "scaled: alpha = step_size / eta^(2L-2), the unit of the scaling law"},
    Key{"schedule", "constant | robbins_monro(k0) | power(k0,g)", "constant",
        "step size after k steps: alpha, alpha / (1 + k/k0), alpha / (1 + k/k0)^g"},
    Key{"eta", "AXIS > 0", "0.5", "standard deviation of the parameter noise", true},
    Key{"target", "AXIS", "1", "w* of every coordinate of a network; negative values are allowed",
        true},
    Key{"target_unit", "absolute | threshold", "absolute",
        "threshold: targets are multiples of the existence threshold tau_exist(eta, L)"},
    Key{"noise", "gaussian | none", "gaussian",
        "none: descend the expected loss, the noise-free limit"},
    common_key::seeds,
    common_key::first_seed,
    common_key::base_seed,
    common_key::noise_streams,
    common_key::steps,
    Key{"projection_radius", "NUMBER >= 0", "0",
        "project each network into this ball after every step; 0: never"},
    Key{"tail_average", "0..1", "0.1",
        "last fraction of the run over which the product is averaged; 0: the final value"},
    Key{"survival_level", "0..1, exclusive", "0.2",
        "a coordinate survives when its shrinkage is at least this (lambda_min)"},
    common_key::record,
    common_key::save,
    common_key::precision,
};

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// Appends the items of "a, b(1,2), 'c, d'": a quoted item may hold several.
/// \param levels  of quotes within quotes that are taken off
void split_at_commas(std::string_view text, std::vector<std::string>& items, int levels = 4) {
  const auto add = [&items, levels](std::string_view item) {
    item = trim(item);
    const bool quoted = item.size() >= 2 && (item.front() == '"' || item.front() == '\'') &&
                        item.back() == item.front();
    if (quoted && levels > 0) {
      split_at_commas(item.substr(1, item.size() - 2), items, levels - 1);
    } else {
      items.emplace_back(item);
    }
  };
  int depth = 0;
  char quote = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      --depth;
    } else if (c == ',' && depth <= 0) {
      add(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  add(text.substr(begin));
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

} // namespace

std::span<const Key> ssam_keys() { return kSsamKeys; }

std::vector<std::string> split_items(std::string_view text) {
  text = trim(text);
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = trim(text.substr(1, text.size() - 2));
    if (text.ends_with(',')) text.remove_suffix(1); // [1, 2,] is a list of two
  }
  std::vector<std::string> items;
  if (!text.empty()) split_at_commas(text, items);
  return items;
}

std::string nearest_name(std::string_view name, std::span<const std::string_view> candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

void require_known_key(std::string_view model, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Key& key : keys_of(model)) {
    if (key.name == name) return;
    names.push_back(key.name);
  }
  const bool papers_name = name == "eta" || name == "lr" || name == "learning_rate";
  const std::string near = papers_name ? "step_size" : nearest_name(name, names);
  throw UsageError("'" + std::string(name) + "' is not a key of model '" + std::string(model) +
                   "'" +
                   (near.empty() ? "; 'sharpsweep models " + std::string(model) + "' lists them"
                                 : "; did you mean '" + near + "'?"));
}

std::string sweep_file_line(const Key& key, const std::vector<std::string>& items) {
  const auto literal = [](const std::string& item) {
    const bool number =
        !item.empty() && item.find_first_not_of("0123456789+-.eE") == std::string::npos;
    return number ? item : '"' + item + '"';
  };
  std::string value;
  for (const std::string& item : items) value += (value.empty() ? "" : ", ") + literal(item);
  if (items.size() != 1) value = "[" + value + "]";
  return std::string(key.name) + " = " + value + "\n";
}

} // namespace sharpsweep
