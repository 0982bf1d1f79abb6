/// \file
/// The files that recipes begin with, and the changes that are made in memory.
#include "tests/fuzz/recipe.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>

#include "host/analysis/phase_diagram.hpp"
#include "host/assembly.hpp"
#include "host/engine.hpp"
#include "host/output/parts.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace sharpsweep::fuzz {
namespace {

/// Two blocks of seeds, two depths and two targets are enough to have every place twice.
constexpr const char* kSmall = "depth = [2, 3]\ntarget = [0.5, 2]\nseeds = 4\nfirst_seed = 62\n"
                               "steps = 4\n";

Sweep sweep_of(const std::string& text) {
  return Sweep::from_settings(parse_sweep_text(text, "recipe"));
}

/// Makes the values that would be made while the file is written, so that they can be changed.
Dataset with_values(Dataset file) {
  for (auto* list : {&file.coordinates, &file.variables}) {
    for (Variable& variable : *list) {
      for (std::size_t i = 0; i < variable.pieces.count; ++i) {
        std::visit(
            [&](auto& values) {
              const Values piece = variable.pieces.make(i);
              const auto& more = std::get<std::decay_t<decltype(values)>>(piece);
              values.insert(values.end(), more.begin(), more.end());
            },
            variable.values);
      }
      variable.pieces = {};
    }
  }
  for (auto& [name, group] : file.groups) group = with_values(std::move(group));
  return file;
}

/// All bases; they are trained once, on the spot.
class Bases {
public:
  Bases() {
    const auto trained = [](const Sweep& sweep) {
      Progress progress;
      return run_sweep(sweep, *make_cpu_backend({1, "scalar", 0}), progress);
    };
    const Origin origin{"sharpsweep run", "cpu", "a core", 1, 1};
    const std::string small = kSmall;
    const Sweep mean = sweep_of(small);
    const Sweep weights = sweep_of(small + "save = weights\nrecord = 2\n");
    const Sweep ball = sweep_of("target = [0.5, 2]\nseeds = 2\nsteps = 4\nsave = seeds\n"
                                "projection_radius = 1\ntarget_unit = threshold\n"
                                "step_size_unit = scaled\nprecision = f64\n");
    const Results of_mean = trained(mean), of_weights = trained(weights);
    files_.push_back(with_values(result_file(mean, of_mean, origin)));
    files_.push_back(with_values(result_file(weights, of_weights, origin)));
    files_.push_back(
        with_values(shard_file(weights, of_weights, Coverage(weights), {1, 2}, origin)));
    const Results of_ball = trained(ball);
    files_.push_back(with_values(result_file(ball, of_ball, origin)));

    // One that lacks a target at one depth: incomplete, with two groups of units.
    Results partial(weights);
    for (const Work& work : finished_work(weights, of_weights.done)) {
      const Placement place(work.sweep, weights);
      for (const WorkUnit& unit : work.units) {
        partial.take(weights, work.sweep, place, unit,
                     of_weights.extract(weights, work.sweep, place, unit, unit.seeds));
      }
    }
    partial.done.at(0, 1) = 0;
    files_.push_back(with_values(result_file(weights, partial, origin)));
    for (Dataset& file : files_) trim(file);
  }
  const Dataset& at(std::size_t i) const { return files_[i % kBases]; }

private:
  /// Leaves out most result variables: those that are kept stand for the others.
  static void trim(Dataset& file) {
    constexpr std::array kKept = {"status",       "survival",           "shrinkage_mean",
                                  "target_value", "init_scale",         "threshold",
                                  "weight",       "shrinkage_path_mean"};
    std::erase_if(file.variables, [&](const Variable& variable) {
      const auto infos = Sweep().order_parameters();
      const bool single = std::any_of(infos.begin(), infos.end(),
                                      [&](const auto& info) { return info.name == variable.name; });
      return !single && std::find(kKept.begin(), kKept.end(), variable.name) == kKept.end();
    });
    renew_digest(file);
  }

  std::vector<Dataset> files_;
};

std::int64_t integer_of(const Step& step) {
  constexpr std::int64_t kLow = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHigh = std::numeric_limits<std::int64_t>::max();
  switch (step.how % 8) {
  case 0:
    return -std::int64_t{step.number};
  case 1:
    return step.number % 2 ? kLow : kHigh;
  case 2:
    return std::int64_t{1} << step.number % 64;
  case 3:
    return (std::int64_t{1} << 32) + step.number;
  default:
    return step.number;
  }
}

double number_of(const Step& step) {
  constexpr double kNumbers[] = {0,
                                 -0.0,
                                 1,
                                 -1,
                                 0.5,
                                 1e308,
                                 -1e308,
                                 5e-324,
                                 1e-40,
                                 3.5e38,
                                 std::numeric_limits<double>::quiet_NaN(),
                                 std::numeric_limits<double>::infinity(),
                                 -std::numeric_limits<double>::infinity()};
  if (step.how % 4 == 0) return kNumbers[step.number % std::size(kNumbers)];
  if (step.how % 4 == 1) return std::bit_cast<float>(step.number);
  return static_cast<double>(integer_of(step));
}

/// The value of a key of a sweep.
std::string value_of(const Step& step) {
  static const std::vector<std::string> kTexts = {
      "\"\"",
      "[]",
      "[1, 2]",
      "[1, 2, 3]",
      "0.5",
      "[0.5]",
      "[2, 0.5]",
      "-1",
      "0",
      "1e308",
      "nan",
      "\"lin(0.1,0.9,16384)\"",
      "\"lin(0.1,0.9,5)\"",
      "\"range(1,16)\"",
      "\"log(1e-3,1e3,16384)\"",
      "\"range(1,16000)\"",
      "268435456",
      "268435455",
      "1e12",
      "100000",
      "18446744073709551615",
      "weights",
      "seeds",
      "mean",
      "f64",
      "f32",
      "independent",
      "shared",
      "none",
      "gaussian",
      "absolute",
      "threshold",
      "scaled",
      "constant",
      "\"robbins_monro(1)\"",
      "\"power(1,2)\"",
      "\"balanced(0.1)\"",
      "[\"gaussian(0.5)\", \"zero_last(1)\"]",
      "\"unbalanced(0.5,2)\"",
      "[\"balanced(1)\", \"unbalanced(1e300,1e-300)\", \"gaussian(1e30)\"]",
      "ssam",
      "other",
      "\"lin(\"0.1,0.5\",3)\"",
      "[",
      "\"\"\"\"",
      "#",
      "\"lin(1e-30,1e30,3)\""};
  const std::size_t i = step.how;
  if (i < kTexts.size()) return kTexts[i];
  return i % 2 ? std::to_string(step.number % 4096) : format_number(number_of(step));
}

/// The i-th group within a file that has some.
Dataset& inner_group(Dataset& file, std::size_t i) {
  auto& [name, group] = file.groups[i % file.groups.size()];
  return group;
}

Dataset& group_of(Dataset& file, const Step& step) {
  const std::size_t i = step.where % (file.groups.size() + 1);
  return i == 0 ? file : inner_group(file, i - 1);
}

Variable* variable_of(Dataset& group, std::size_t i) {
  const std::size_t count = group.coordinates.size() + group.variables.size();
  if (count == 0) return nullptr;
  i %= count;
  const std::size_t axes = group.coordinates.size();
  return i < axes ? &group.coordinates[i] : &group.variables[i - axes];
}

void set_value(Variable& variable, std::size_t i, const Step& step) {
  std::visit(
      [&](auto& values) {
        using Value = typename std::decay_t<decltype(values)>::value_type;
        if constexpr (std::is_same_v<Value, double>) {
          values[i] = number_of(step);
        } else {
          values[i] = static_cast<Value>(integer_of(step));
        }
      },
      variable.values);
}

const Variable* axis_of(const Dataset& group, const std::string& dimension) {
  for (const Variable& axis : group.coordinates) {
    if (axis.name == dimension) return &axis;
  }
  return nullptr;
}

/// Another number of values, repeating those that there are.
void resize_values(Variable& variable, std::size_t count) {
  std::visit(
      [count](auto& values) {
        const std::size_t had = values.size();
        values.resize(count);
        for (std::size_t i = had; i < count && had > 0; ++i) values[i] = values[i % had];
      },
      variable.values);
}

/// Gives every variable as many values as its shape says, and leaves out what has no shape.
void fit_shapes(Dataset& group) {
  constexpr std::size_t kMost = 1u << 16;
  for (Variable& axis : group.coordinates) axis.dimensions = {axis.name};
  std::erase_if(group.variables, [&](Variable& variable) {
    std::size_t count = 1;
    for (const std::string& dimension : variable.dimensions) {
      const Variable* axis = axis_of(group, dimension);
      if (!axis) return true;
      count = std::min(count * value_count(*axis), kMost + 1);
    }
    if (count > kMost || variable.dimensions.empty()) return true;
    resize_values(variable, count);
    return false;
  });
  for (auto& [name, inner] : group.groups) fit_shapes(inner);
}

void rename(Dataset& group, Variable& variable, const std::string& name, bool everywhere) {
  const std::string old = std::exchange(variable.name, name);
  for (Variable& other : group.variables) {
    if (everywhere) std::replace(other.dimensions.begin(), other.dimensions.end(), old, name);
  }
}

void change_type(Variable& variable, std::uint8_t how) {
  const auto converted = [&]<class To>(To) {
    return std::visit(
        [](const auto& values) {
          std::vector<To> list;
          for (const auto value : values) {
            const auto x = static_cast<double>(value);
            const bool fits = std::is_same_v<To, double> || (x > -9e18 && x < 9e18);
            list.push_back(!fits                        ? To{}
                           : std::is_same_v<To, double> ? static_cast<To>(x)
                                                        : static_cast<To>(static_cast<long>(x)));
          }
          return list;
        },
        variable.values);
  };
  if (how % 3 == 0) variable.values = converted(double{});
  if (how % 3 == 1) variable.values = converted(std::int64_t{});
  if (how % 3 == 2) variable.values = converted(std::uint8_t{});
}

void set_attribute(std::vector<Attribute>& attributes, const std::string& name,
                   const Attribute::second_type& value) {
  for (Attribute& attribute : attributes) {
    if (attribute.first == name) {
      attribute.second = value;
      return;
    }
  }
  attributes.emplace_back(name, value);
}

/// Replaces, or removes, a line of the sweep that a group carries.
void change_sweep(Dataset& group, const Step& step) {
  const std::string* old = group.text("sweep");
  if (!old) return;
  const auto keys = keys_of("ssam");
  const std::string key(keys[step.which % keys.size()].name);
  std::string text;
  for (std::size_t begin = 0; begin < old->size();) {
    const std::size_t end = std::min(old->find('\n', begin), old->size() - 1) + 1;
    const std::string line = old->substr(begin, end - begin);
    if (!line.starts_with(key + " ")) text += line;
    begin = end;
  }
  set_attribute(group.attributes, "sweep", text + key + " = " + value_of(step) + "\n");
}

void change_attribute(Dataset& group, const Step& step) {
  std::vector<Attribute>& attributes = group.attributes;
  const std::string name = step.which % 2 && !attributes.empty()
                               ? attributes[step.which / 2 % attributes.size()].first
                               : std::vector<std::string>{"shard",   "numeric_version",
                                                          "digest",  "backend",
                                                          "written", "seconds",
                                                          "updates", "model"}[step.which / 2 % 8];
  switch (step.how % 6) {
  case 0:
    std::erase_if(attributes, [&](const Attribute& a) { return a.first == name; });
    return;
  case 1:
    set_attribute(attributes, name,
                  std::vector<std::int64_t>(step.number % 3 + 1, integer_of(step)));
    return;
  case 2:
    set_attribute(attributes, name, number_of(step));
    return;
  case 3: { // such as a shard
    const std::uint32_t count = step.how < 128 ? step.number >> 8 & 0xff : step.number;
    set_attribute(attributes, name,
                  std::to_string(step.number & 0xff) + "/" + std::to_string(count));
    return;
  }
  default:
    set_attribute(attributes, name, word_of(static_cast<std::uint8_t>(step.number)));
  }
}

void change(Dataset& file, const Step& step) {
  Dataset& group = group_of(file, step);
  Variable* const variable = variable_of(group, step.which);
  const std::size_t group_count = file.groups.size();
  switch (step.what % 16) {
  case 0:
    if (variable && value_count(*variable) > 0) {
      set_value(*variable, step.number / 256 % value_count(*variable), step);
    }
    return;
  case 1:
    if (!variable) return;
    for (std::size_t i = 0; i < value_count(*variable); ++i) set_value(*variable, i, step);
    return;
  case 2: { // another length of a dimension
    if (group.coordinates.empty()) return;
    resize_values(group.coordinates[step.which % group.coordinates.size()], step.number % 80);
    return;
  }
  case 3: {
    if (!variable) return;
    const std::string name = variable->name;
    const auto is_it = [&](const Variable& v) { return v.name == name; };
    std::erase_if(group.variables, is_it);
    std::erase_if(group.coordinates, is_it);
    return;
  }
  case 4:
    if (variable) rename(group, *variable, word_of(step.how), step.number % 2);
    return;
  case 5:
    if (variable) change_type(*variable, step.how);
    return;
  case 6: // other dimensions
    if (!variable || variable->dimensions.empty() || group.coordinates.empty()) return;
    if (step.how % 3 == 0) {
      variable->dimensions.push_back(word_of(static_cast<std::uint8_t>(step.number)));
    } else if (step.how % 3 == 1) {
      variable->dimensions[step.number % variable->dimensions.size()] =
          group.coordinates[step.how / 3 % group.coordinates.size()].name;
    } else {
      std::swap(variable->dimensions.front(),
                variable->dimensions[step.number % variable->dimensions.size()]);
    }
    return;
  case 7:
  case 8:
  case 9:
    change_sweep(group, step);
    return;
  case 10: // all sweeps of the file alike
    change_sweep(file, step);
    for (auto& [name, inner] : file.groups) change_sweep(inner, step);
    return;
  case 11:
    change_attribute(group, step);
    return;
  case 12: // one more group, or one within another
    if (group_count == 0 || group_count > 4) return;
    if (step.how % 4 == 0) {
      Dataset inner = inner_group(file, step.which);
      inner_group(file, step.where).groups.push_back({"deeper", std::move(inner)});
    } else {
      Dataset copy = inner_group(file, step.which);
      file.groups.push_back({units_group_name(group_count), std::move(copy)});
    }
    return;
  case 13:
    if (group_count > 0) {
      auto& [name, inner] = file.groups[step.which % group_count];
      name = word_of(step.how);
    }
    return;
  case 14:
    if (group_count > 0) {
      file.groups.erase(file.groups.begin() +
                        static_cast<std::ptrdiff_t>(step.which % group_count));
    }
    return;
  default: // a variable of another group
    if (group_count == 0) return;
    if (const Variable* other = variable_of(inner_group(file, step.how), step.which)) {
      Variable copy = *other;
      copy.dimensions.assign(1, group.coordinates.empty() ? copy.name : group.coordinates[0].name);
      (step.number % 2 ? file : group).variables.push_back(std::move(copy));
    }
  }
}

/// Makes the identities of work units those of the places they say they have.
void renew_identities(Dataset& group) {
  const auto integers = [&](const char* name) -> const std::vector<std::int64_t>* {
    const Variable* variable = group.find(name);
    return variable ? std::get_if<std::vector<std::int64_t>>(&variable->values) : nullptr;
  };
  const std::string* text = group.text("sweep");
  const auto *first = integers("first_configuration"), *count = integers("configurations"),
             *first_seed = integers("first_seed"), *seeds = integers("seeds");
  const auto identity_variable =
      std::find_if(group.variables.begin(), group.variables.end(),
                   [](const Variable& variable) { return variable.name == "identity"; });
  if (!text || !first || !count || !first_seed || !seeds ||
      identity_variable == group.variables.end()) {
    return;
  }
  auto* bytes = std::get_if<std::vector<std::uint8_t>>(&identity_variable->values);
  attempt([&] {
    const Sweep sweep = sweep_of(*text);
    const auto all = static_cast<std::int64_t>(sweep.configurations());
    for (std::size_t u = 0; u < first->size(); ++u) {
      if (!bytes || bytes->size() < 32 * (u + 1)) return;
      if (count->size() <= u || first_seed->size() <= u || seeds->size() <= u) return;
      const std::int64_t begin = (*first)[u], length = (*count)[u];
      const bool computable = begin >= 0 && begin < all && length > 0 && length <= all - begin &&
                              length * static_cast<std::int64_t>(sweep.target.size()) < 100000;
      if (!computable) continue;
      WorkUnit unit;
      unit.first_configuration = static_cast<std::size_t>(begin);
      unit.configurations = static_cast<std::size_t>(length);
      unit.first_seed = static_cast<std::uint32_t>((*first_seed)[u]);
      unit.seeds = static_cast<std::uint32_t>((*seeds)[u]);
      const std::string hex = identity(sweep, unit);
      for (std::size_t i = 0; i < 32; ++i) {
        (*bytes)[32 * u + i] =
            static_cast<std::uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
      }
    }
  });
}

} // namespace

std::string word_of(std::uint8_t which) {
  static const std::vector<std::string> kWords = {"depth",
                                                  "init",
                                                  "step_size",
                                                  "eta",
                                                  "target",
                                                  "seed",
                                                  "layer",
                                                  "step",
                                                  "unit",
                                                  "byte",
                                                  "cell",
                                                  "order_parameter",
                                                  "path_cell",
                                                  "network",
                                                  "weight_number",
                                                  "first_configuration",
                                                  "configurations",
                                                  "first_seed",
                                                  "seeds",
                                                  "identity",
                                                  "finished",
                                                  "diverged",
                                                  "survivors",
                                                  "mean",
                                                  "m2",
                                                  "path_finished",
                                                  "path_mean",
                                                  "outcome",
                                                  "weight",
                                                  "status",
                                                  "survival",
                                                  "shrinkage",
                                                  "product",
                                                  "shrinkage_mean",
                                                  "threshold",
                                                  "target_value",
                                                  "init_scale",
                                                  "seeds_finished",
                                                  "units",
                                                  "units_1",
                                                  "units_2",
                                                  "sweep",
                                                  "digest",
                                                  "shard",
                                                  "title",
                                                  "history",
                                                  "numeric_version",
                                                  "CLASS",
                                                  "NAME",
                                                  "DIMENSION_LIST",
                                                  "REFERENCE_LIST",
                                                  "long_name",
                                                  "_FillValue",
                                                  "flag_values",
                                                  "coordinates",
                                                  "Conventions",
                                                  ".",
                                                  "",
                                                  "a b",
                                                  "units/cell",
                                                  "\xff\xfe",
                                                  std::string(300, 'n'),
                                                  "1/2",
                                                  "2/2",
                                                  "0/0",
                                                  "1/4294967295",
                                                  "DIMENSION_SCALE",
                                                  "other"};
  return kWords[which % kWords.size()];
}

void renew_digest(Dataset& file) {
  if (file.text("digest")) set_attribute(file.attributes, "digest", digest(file));
}

Dataset cooked(const Recipe& recipe) {
  static const Bases bases;
  Dataset file = bases.at(recipe.base);
  for (const Step& step : recipe.steps) {
    if (step.what < kFileSteps) change(file, step);
  }
  fit_shapes(file);
  for (auto& [name, group] : file.groups) {
    if (!recipe.stale_identities) renew_identities(group);
  }
  if (!recipe.stale_digest) renew_digest(file);
  return file;
}

} // namespace sharpsweep::fuzz
