#!/usr/bin/env python3
"""What the README says is true: its table of keys, its sweep file, its commands, its loading code.

With --print it prints the table of keys that the README has to hold.
"""
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from program import BINARY, ENVIRONMENT, ROOT, key_rows_of_ssam, keys_of_ssam, run

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = "/usr/bin/python3"  # the distribution's, for which the plotting packages are installed
SHORT = ("--steps", "200")  # the README's own lengths say nothing more here

OCTAVE_NETCDF = shutil.which("octave-cli") and subprocess.run(
    ["octave-cli", "--eval", "pkg load netcdf"], capture_output=True).returncode == 0


def key_table():
    """The lines of the README's table of keys, from `sharpsweep models ssam`."""
    table = []
    for name, values, meaning, default, axis in key_rows_of_ssam():
        values, meaning = (cell.replace("|", "\\|").replace("*", "\\*")
                           for cell in (values, meaning + axis))
        table.append(f"| `{name}` | {values} | `{default}` | {meaning} |")
    return table


def blocks(language):
    """The code blocks of the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def wide_lines():
    """Lines of more than 100 columns; the rows of a table can't be broken."""
    return [line for line in README.splitlines() if len(line) > 100 and not line.startswith("|")]


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        (cls.folder / "out").mkdir()
        (cls.folder / "my.toml").write_text(blocks("toml")[0], encoding="utf-8")
        done = run("run", ROOT / "sweeps" / "quickstart.toml", "-o",
                   cls.folder / "out" / "quickstart.h5", "--seeds", 2, *SHORT, "--backend", "cpu")
        assert done.returncode == 0, done

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def succeeds(self, command):
        done = subprocess.run(command, cwd=self.folder, env=ENVIRONMENT, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def test_the_table_holds_every_key_with_its_default(self):
        lines = README.splitlines()
        for row in key_table():
            with self.subTest(row):
                self.assertIn(row, lines)

    def test_the_table_holds_no_other_key(self):
        names = re.findall(r"^\| `(\w+)` \| .* \| `.*` \| ", README, re.M)
        self.assertEqual(names, list(keys_of_ssam()))

    def test_the_commands_run(self):
        commands = [line for block in blocks("sh") for line in block.splitlines()]
        self.assertGreater(len(commands), 5)
        for line in commands:
            words = shlex.split(line, comments=True)
            with self.subTest(line):
                if words[0] == "bash":  # builds and tests everything: only its place is checked
                    self.assertTrue((ROOT / words[1]).is_file())
                    continue
                words = [str(ROOT / word) if word.startswith("sweeps/") else word
                         for word in words]
                if words[0] == "build/sharpsweep":
                    words[0] = BINARY
                    if words[1] in ("run", "plan"):
                        words += SHORT
                self.succeeds(words)

    def test_the_python_code_runs(self):
        for block in blocks("python"):
            with self.subTest(block):
                printed = self.succeeds([PYTHON, "-c", block])
                self.assertIn("('depth', 'init', 'step_size', 'eta', 'target')\n", printed)

    def test_the_sweep_files_can_be_planned(self):
        for number, block in enumerate(blocks("toml")):
            path = self.folder / f"{number}.toml"
            path.write_text(block, encoding="utf-8")
            with self.subTest(block):
                self.succeeds([BINARY, "plan", path, "--backend", "cpu"])

    def test_the_model_is_the_one_that_the_tests_run(self):
        header = (ROOT / "tests/toy/heavy_ball.hpp").read_text()
        for block in blocks("cpp"):
            self.assertIn(block.strip(), header)
        self.assertEqual(len(blocks("cpp")), 1)

    @unittest.skipUnless(shutil.which("octave-cli"), "octave is not installed")
    def test_octave_sees_the_dimensions_reversed(self):
        for block in blocks("octave"):
            with self.subTest(block):
                printed = self.succeeds(["octave-cli", "--eval", block])
                self.assertRegex(printed, r"ans =\s+48\s+16\s+1\s+2\s+2\s")

    @unittest.skipUnless(OCTAVE_NETCDF, "octave's netcdf package is not installed")
    def test_the_matlab_code_runs_in_octave(self):
        for block in blocks("matlab"):
            with self.subTest(block):
                # There may be no screen to draw on.
                code = "pkg load netcdf; imagesc = @(x, y, z) disp([numel(x), numel(y), size(z)]);"
                printed = self.succeeds(["octave-cli", "--eval", code + block])
                self.assertEqual(printed.split()[:4], "16 48 48 16".split())

    def test_pictures_and_folders_exist(self):
        places = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
        places += re.findall(r"^    ((?:[\w.]+/)+[\w.]*)  ", README, re.M)
        self.assertGreater(len(places), 8)
        for place in places:
            with self.subTest(place):
                self.assertTrue((ROOT / place).exists())

    def test_lines_fit_on_a_screen(self):
        self.assertEqual(wide_lines(), [])


if __name__ == "__main__":
    if "--print" in sys.argv:
        print("\n".join(key_table()))
    else:
        unittest.main()
