#!/usr/bin/env python3
"""Every rule fires on a sample that breaks it, and is silent on one that does not."""

import json
import pathlib
import tempfile
import unittest

import cpp
import rules

HEADER = "// What this is for.\n#pragma once\n"
CMAKE = {
    "CMakeLists.txt": "foreach(folder core step engine)\n",
    "src/core/CMakeLists.txt": "outrider_folder(core)\n",
    "src/step/CMakeLists.txt": "outrider_folder(step DEPS core LINK fmt::fmt APART a.cc)\n",
    "src/engine/CMakeLists.txt": "outrider_folder(engine DEPS step TEST_LINK outrider_core)\n",
    "src/core/id.h": HEADER,
    "src/step/batch.h": HEADER,
}


class RulesTest(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.addCleanup(self.holder.cleanup)

    def complaints(self, rule, files, ratchet=None, **arguments):
        """What `rule` says of a tree with these files and no others."""
        root = pathlib.Path(tempfile.mkdtemp(dir=self.holder.name))
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        tree = rules.Tree(root)
        tree.ratchet = ratchet or {}
        return list(rules.RULES[rule](tree, **arguments))

    def assert_fires(self, rule, path, text, count=1, **arguments):
        found = self.complaints(rule, {path: text}, **arguments)
        self.assertEqual([complaint[0] for complaint in found], [path] * count, found)

    def assert_silent(self, rule, path, text, **arguments):
        self.assertEqual(self.complaints(rule, {path: text}, **arguments), [])

    def test_every_rule_has_a_sample_here(self):
        samples = pathlib.Path(__file__).read_text()
        for rule in rules.RULES:
            self.assertRegex(samples, rf'"{rule}"')

    def test_a_long_file(self):
        self.assert_silent("sizes", "src/core/a.cc", "int a;\n" * 600)
        self.assert_fires("sizes", "src/core/a.cc", "int a;\n" * 601)

    def test_an_offender_may_shrink_but_not_grow(self):
        ratchet = {"sizes": {"src/core/a.cc": 700}}
        self.assert_silent("sizes", "src/core/a.cc", "int a;\n" * 690, ratchet=ratchet)
        self.assert_fires("sizes", "src/core/a.cc", "int a;\n" * 701, ratchet=ratchet)

    def test_a_cured_offender_leaves_the_ratchet(self):
        found = self.complaints("sizes", {"src/core/a.cc": "int a;\n"},
                                ratchet={"sizes": {"src/core/a.cc": 700}})
        self.assertEqual(found[0][0], "tests/tidy/ratchet.json")

    def test_a_long_function(self):
        body = "  f(1);\n"
        self.assert_silent("functions", "src/core/a.cc", "void f() {\n" + body * 68 + "}\n")
        self.assert_fires("functions", "src/core/a.cc", "void f() {\n" + body * 69 + "}\n")

    def test_a_long_method_of_a_class(self):
        text = "class A : public B<int> {\n public:\n  int f(int x) const {\n" + "g();\n" * 70
        self.assert_fires("functions", "src/core/a.h", text + "  }\n};\n")

    def test_a_long_test_case(self):
        text = "TEST(A, b) {\n" + "f();\n" * 70 + "}\n"
        self.assert_fires("functions", "src/core/a_test.cc", text)

    def test_a_long_table_is_no_function(self):
        text = "constexpr Entry kTable[] = {\n" + "    {f(1), 2},\n" * 90 + "};\n"
        self.assert_silent("functions", "src/core/a.cc", text)

    def test_many_parameters(self):
        self.assert_silent("parameters", "src/core/a.h", "void f(int, int, int, int, int, int);\n")
        self.assert_fires("parameters", "src/core/a.h",
                          "void f(int, int, int, int, int, int, int);\n")

    def test_template_arguments_are_no_parameters(self):
        self.assert_silent("parameters", "src/core/a.h",
                           "void f(M<a, b, c> x, F<int(int, int)> y, int z = g(1, 2, 3));\n")

    def test_a_wide_line(self):
        self.assert_silent("lines", "src/core/a.cc", "//" + "é" * 98 + "\n")
        self.assert_fires("lines", "src/core/a.cc", "//" + "x" * 99 + "\n")
        self.assert_fires("lines", "tests/a.sh", "#" * 101 + "\n")

    def test_an_include_against_the_arrows(self):
        found = self.complaints("includes", CMAKE | {"src/core/a.cc": '#include "step/batch.h"\n'})
        self.assertEqual(found, [("src/core/a.cc", 1, "core may not include step")])

    def test_an_include_along_the_arrows(self):
        self.assertEqual(self.complaints("includes", CMAKE | {
            "src/engine/a.cc": '#include "step/batch.h"\n#include "core/id.h"\n#include <vector>\n',
        }), [])

    def test_an_include_without_a_folder(self):
        found = self.complaints("includes", CMAKE | {"src/step/a.cc": '#include "batch.h"\n'})
        self.assertEqual(len(found), 1)

    def test_an_include_of_nothing(self):
        found = self.complaints("includes", CMAKE | {"src/step/a.cc": '#include "step/gone.h"\n'})
        self.assertEqual(len(found), 1)

    def test_an_arrow_that_points_down(self):
        found = self.complaints("includes", CMAKE | {
            "src/core/CMakeLists.txt": "outrider_folder(core DEPS step)\n"})
        self.assertEqual(found[0][2], "core may not depend on step")

    def test_a_folder_nobody_declared(self):
        found = self.complaints("includes", CMAKE | {"src/extra/a.cc": "int a;\n"})
        self.assertEqual(found[0][0], "src/extra/a.cc")

    def test_a_system_header_outside_platform(self):
        for header in ("unistd.h", "sys/mman.h", "fcntl.h", "sched.h", "pthread.h", "dlfcn.h",
                       "linux/futex.h"):
            self.assert_fires("system_headers", "src/core/a.cc", f"#include <{header}>\n")
            self.assert_silent("system_headers", "src/core/a.cc", "#include <vector>\n")
            self.assert_silent("system_headers", "src/platform/a.cc", f"#include <{header}>\n")
            self.assert_silent("system_headers", "src/core/a_test.cc", f"#include <{header}>\n")

    def test_a_lock_or_the_environment_below_the_server(self):
        for text in ("std::mutex m;\n", "std::condition_variable c;\n", 'auto e = getenv("A");\n'):
            self.assert_fires("locks", "src/engine/a.cc", text)
            self.assert_silent("locks", "src/engine/a.cc", "// " + text)
            self.assert_silent("locks", "src/server/a.cc", text)

    def test_a_banned_word(self):
        for word in rules.BANNED_WORDS:
            self.assert_fires("words", "src/core/a.cc", f"// {word}: later\n")
            self.assert_silent("words", "src/core/a.cc", f"// a{word}z\n")

    def test_a_header_without_its_first_lines(self):
        self.assert_silent("headers", "src/core/a.h", HEADER)
        self.assert_fires("headers", "src/core/a.h", "#pragma once\n")
        self.assert_fires("headers", "src/core/a.h", "// What this is for.\n")

    def test_a_source_that_starts_with_code(self):
        self.assert_fires("headers", "src/core/a.cc", "int a;\n")
        self.assert_silent("headers", "src/core/a.cc", "#include <vector>\n")

    def test_white_space(self):
        self.assert_silent("whitespace", "src/core/a.cc", "int a;\n")
        for text in ("int a; \n", "int\ta;\n", "int a;", "int a;\n\n"):
            self.assert_fires("whitespace", "src/core/a.cc", text)
        self.assert_fires("whitespace", "README.md", "words \n")

    def test_a_nameless_folder(self):
        for name in ("utils", "common", "misc"):
            self.assert_fires("folders", f"src/{name}/a.cc", "int a;\n")
        self.assert_silent("folders", "src/core/common.cc", "int a;\n")

    def test_a_long_architecture(self):
        self.assert_silent("architecture", "ARCHITECTURE.md", "words\n" * 200)
        self.assert_fires("architecture", "ARCHITECTURE.md", "words\n" * 201)

    def test_a_big_file(self):
        self.assert_silent("repository", "a.bin", "x" * 100, file_bytes=100)
        self.assert_fires("repository", "a.bin", "x" * 101, file_bytes=100)

    def test_a_big_tree(self):
        files = {"a.bin": "x" * 60, "b.bin": "x" * 60}
        self.assertEqual(len(self.complaints("repository", files, tree_bytes=120)), 0)
        self.assertEqual(len(self.complaints("repository", files, tree_bytes=119)), 1)

    @unittest.skipIf(rules.clang_format() is None, "there is no clang-format of the right version")
    def test_a_layout_that_is_not_clang_formats(self):
        layout = {".clang-format": "BasedOnStyle: Google\n"}
        good = self.complaints("format", layout | {"src/core/a.cc": "int a = 1;\n"})
        bad = self.complaints("format", layout | {"src/core/a.cc": "int   a=1;\n"})
        self.assertEqual((good, [complaint[0] for complaint in bad]), ([], ["src/core/a.cc"]))


class CppTest(unittest.TestCase):
    def names(self, text):
        return [(function.name, function.parameters) for function in cpp.signatures(text)]

    def test_declarations_and_definitions_are_seen(self):
        text = """namespace a {
template <class T> requires std::same_as<T, int>
Result<T> f(std::span<const T> x, T y = g(1, 2));
struct S { explicit S(int a) : a_{a}, b_(2) {} bool operator==(const S&) const = default; };
[[noreturn]] void stop();
}
"""
        self.assertEqual(
            [entry for entry in self.names(text) if entry[0] in ("f", "S", "stop")],
            [("f", 2), ("S", 1), ("stop", 0)])

    def test_what_is_inside_a_function_is_not(self):
        self.assertEqual(self.names("void f() { g(1, 2); auto h = [](int a) { return a; }; }\n"),
                         [("f", 0)])

    def test_comments_strings_and_marks_hide_braces(self):
        text = """void f() {
// }
auto s = "}"; auto r = R"(})"; char c = '}'; int i = 1'000;
}
"""
        self.assertEqual([function.lines for function in cpp.functions(text)], [4])

    def test_positions_survive_comments(self):
        self.assertEqual(cpp.without_comments("a /* b\nc */ d").count("\n"), 1)

    def test_the_ratchet_is_valid(self):
        ratchet = pathlib.Path(__file__).with_name("ratchet.json")
        for rule, offenders in json.loads(ratchet.read_text()).items():
            self.assertIn(rule, rules.RULES)
            self.assertTrue(all(isinstance(size, int) for size in offenders.values()))


if __name__ == "__main__":
    unittest.main()
