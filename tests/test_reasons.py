"""A reason that was not kept whole is no reason: long ones keep their beginning and their end."""

from mnv2bench.campaign.child import Interpreter, run_child
from mnv2bench.texts import one_line
from mnv2bench.workers.programs import Program


def test_a_long_reason_keeps_its_beginning_and_what_the_compiler_said_last():
    command = "CppCompileError: C++ compile error\n\nCommand:\ng++ " + " ".join(f"-I/include/{n}" for n in range(100))
    line = one_line(f"{command}\n\nOutput:\ncc1plus: fatal error: /home/my user/kernel.cpp: No such file or directory")
    assert line.startswith("CppCompileError: C++ compile error Command: g++ -I/include/0 ")
    assert line.endswith("cc1plus: fatal error: /home/my user/kernel.cpp: No such file or directory")
    assert " … " in line
    assert len(line) == 500


def test_a_reason_of_exactly_the_longest_length_stays_as_it_is():
    assert one_line("x" * 500) == "x" * 500
    assert one_line("x" * 501) == "x" * 160 + " … " + "x" * 337


def test_an_endless_text_is_cut_without_being_read_whole():
    line = one_line("begin" + "\n" * 50_000_000 + "end")
    assert line == "begin … end"


def test_a_worker_that_printed_much_before_it_crashed_is_quoted_with_its_last_words(tmp_path):
    """A real process: it warns first, prints for long, and dies with what matters on its last line."""
    talker = tmp_path / "talker"
    talker.write_text("#!/bin/sh\necho Warning: first\nseq 1 20000\necho RuntimeError: disk on fire\nexit 3\n")
    talker.chmod(0o755)
    outcome = run_child(Program("talker", dict, dict), {}, {}, 60, Interpreter(str(talker)))
    assert outcome.status == "failed"
    assert outcome.reason.endswith("RuntimeError: disk on fire")
