"""README.md, the reference pages and the files of .github: what is made is as the code makes it, what they name exists, and
every link leads somewhere. Wording is not tested, except that pages, `explain` and the report use the same."""

import json
import re
import shlex
import struct

import pytest
import typer
import yaml
from forked import arpcheck
from pages import BLOCKS, CONTRIBUTING, FOLDER, README, ROOT, SCENE, WIDTH, files, helps, made, simulated

import arpcheck as package
from arpcheck.commands.app import app
from arpcheck.commands.serving import WATCH_METRICS
from arpcheck.docs import FILES, PAGES, file, page

GITHUB = ROOT / ".github"
PAPERS = [*files(), *sorted(GITHUB.rglob("*.md"))]


def named(path):
    return "/".join(path.parts[-2:]) if path.parent != ROOT else path.name


FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def code(text, *languages):
    return [block for language, block in FENCE.findall(text) if language in languages]


def prose(text):
    return FENCE.sub("", text)


def flat(text):
    return " ".join(text.split())


# ------------------------------------------------------------------------------------------------------- what is made


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_is_made_is_as_the_code_makes_it(path):
    text = path.read_text()
    assert made(text) == text, "run `scripts/docs`"


def test_every_block_is_on_a_page_and_made_there(monkeypatch):
    """A mark that is not read would leave old text for good."""
    texts = "".join(path.read_text() for path in files())
    marks = re.findall(r"<!-- made: (.*?) -->", texts)
    assert set(marks) == BLOCKS.keys()
    read = []
    for name in BLOCKS:
        monkeypatch.setitem(BLOCKS, name, lambda name=name: read.append(name) or "")
    made(texts)
    assert read == marks


def test_pages_and_explain_use_the_same_words():
    from arpcheck.judge import findings, reasons, verdicts

    pages = (("verdicts", verdicts.texts()), ("findings", findings.texts()), ("reasons", reasons.texts()))
    for name, texts in pages:
        words = flat(page(name))
        for text in texts:
            assert f"## {text.name} " in words
            assert [part for part in (text.means, *text.decided, *text.do) if flat(part) not in words] == []


def test_every_name_is_on_its_page():
    from arpcheck import loadbalancers, mac_owners, pipeline
    from arpcheck.lab.run import MEANINGS
    from arpcheck.model import Arp, CauseId, Kind, Outcome, Verdict
    from arpcheck.reports.document import keys

    on = {
        "load-balancers": [f"## {row[0]}\n" for row in loadbalancers.table()],
        "mac-sources": [f"## {row.name}\n" for row in mac_owners.table()],
        "rights": [f"`{need.resource}`" for need in pipeline.NEEDS],
        "symptoms": [f"`{cause}`" for cause in CauseId],
        "json": [f"`{path}` (" if "." in path else f"## {path}\n" for path, _, _ in keys()],
        "commands": [f"## {name}\n" for name, _ in helps()],
        "exit-codes": [*(f"| {number} " for number in MEANINGS), *(f"`{name}`" for name in (*Verdict, *Arp))],
        "glossary": [f"`{name}`" for name in (*Kind, *Outcome, *Arp)],
        "ci": re.findall(r"^# HELP (\S+)", simulated(SCENE, "prometheus"), re.MULTILINE),
    }
    assert {name: [word for word in words if word not in page(name)] for name, words in on.items()} == {
        key: [] for key in on
    }
    assert [f"| {number} " for number in MEANINGS if f"| {number} " not in README.read_text()] == []


# ------------------------------------------------------------------------------------------------------ shape and size


def test_the_list_of_pages_is_that_of_the_files():
    assert sorted(PAGES) == sorted(path.stem for path in FOLDER.glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_terminal(name):
    """Help texts and manifests are shown as they are printed elsewhere."""
    text = page(name)
    assert text.startswith("# ")
    lines = FENCE.sub("", text).splitlines()
    if name != "commands":
        lines += [line for block in code(text, "text", "sh", "") for line in block.splitlines()]
    assert [line for line in lines if len(line) > WIDTH] == []


def test_the_readme_is_short_and_leads_to_every_page():
    text = README.read_text()
    assert len(text.encode()) <= 12_288
    assert [name for name in PAGES if f"](arpcheck/docs/{name}.md" not in text] == []
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    listed = re.findall(r"\]\(#([a-z-]+)\)", text.partition("## Contents")[2].partition("\n## ")[0])
    assert listed == [anchor(heading) for heading in headings[1:]]
    assert "![" in text


def test_the_picture_is_small():
    data = (GITHUB / "report.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(data) <= 150_000
    assert struct.unpack(">I", data[16:20])[0] >= 600


def test_the_drawing_shows_what_the_demo_reports():
    """Whose MACs reply, in the drawing of the LAN and in the report of the scene below it."""
    text = page("how-it-works")
    [drawing] = [block for block in code(text, "text") if "one LAN" in block]
    assert drawing.isascii()
    [target] = [target for target in json.loads(simulated(SCENE, "json"))["targets"] if target["services"]]
    replies = sorted((one["node"], one["macs"][0], one["expected"]) for one in target["responders"])
    assert re.findall(r"worker-\d", drawing) == [node for node, _, _ in replies]
    assert re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", drawing) == [mac for _, mac, _ in replies]
    assert re.findall(r"\b(?:right|wrong)\b", drawing) == ["right" if expected else "wrong" for _, _, expected in replies]
    assert {target["ip"]} == set(re.findall(r"10\.0\.0\.\d+", drawing)) - {"10.0.0.5"}


# ------------------------------------------------------------------------------------------- what is named is there


def anchor(heading):
    """As GitHub makes it of a heading."""
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", PAPERS, ids=named)
def test_every_link_leads_somewhere(path):
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text())):
        if re.match(r"https?:", target):
            continue
        file, _, place = target.partition("#")
        found = (path.parent / file) if file else path
        headings = re.findall(r"^#+ (.+)$", prose(found.read_text()), re.MULTILINE) if place and found.is_file() else ()
        if not found.exists() or (place and place not in map(anchor, headings)):
            wrong.append(target)
    assert wrong == []


@pytest.mark.parametrize("path", PAPERS, ids=named)
def test_every_file_it_names_is_there(path):
    """Paths in code spans; NAME stands for what a contributor calls it."""
    text = path.read_text()
    names = re.findall(r"`((?:arpcheck/(?!v\d)|tests/|scripts/|\.github/)[\w./-]+)`", text)
    names += re.findall(r"\bscripts/[a-z-]+(?![\w.-])", text)
    place = ROOT if path.is_relative_to(ROOT) else FOLDER.parent.parent
    assert [
        name for name in names if "NAME" not in name and not (place / name).exists() and not (ROOT / name).exists()
    ] == []


def calls(path):
    """Every call of arpcheck in its shell examples, as words."""
    for block in code(path.read_text(), "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r" [|] | -- |;|<|>| && ", line.partition(" #")[0].replace("...", "")):
                if found := re.search(r"(?<!-n)(?:^|\s)arpcheck ([a-z].*)", part):
                    yield shlex.split(found[1])


def command_of(words):
    found = typer.main.get_command(app)
    while words and hasattr(found, "commands"):
        found, words = found.commands[words[0]], words[1:]
    return found, words


@pytest.mark.parametrize("path", [path for path in PAPERS if code(path.read_text(), "sh")], ids=named)
def test_every_call_it_shows_is_one(path):
    shown = list(calls(path))
    for words in shown:
        command, rest = command_of(words)
        options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        assert [word for word in rest if re.match(r"--?[a-z]", word) and word not in options] == [], words
    assert shown or path.parent == GITHUB


def test_what_is_shown_of_an_acceptance_file_is_one(tmp_path):
    from arpcheck.commands.input_files import read_acceptances

    [shown] = [block for block in code(page("exit-codes"), "yaml") if "until" in block]
    (tmp_path / "accept.yaml").write_text(shown)
    assert [entry.until.year >= 2026 for entry in read_acceptances(str(tmp_path / "accept.yaml"))] == [True, True]


def test_the_alerts_name_metrics_that_exist():
    [shown] = [block for block in code(page("ci"), "yaml") if "alert" in block]
    rules = [rule for group in yaml.safe_load(shown)["groups"] for rule in group["rules"]]
    assert rules
    asked = {name for rule in rules for name in re.findall(r"arpcheck_\w+", rule["expr"])}
    known = re.findall(r"^# HELP (\S+)", simulated(SCENE, "prometheus"), re.MULTILINE)
    assert asked <= {*known, *(metric.full_name for metric in WATCH_METRICS)}


# --------------------------------------------------------------------------------------------------------- the command


def test_without_a_page_docs_lists_them():
    done = arpcheck("docs")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"^  ([a-z-]+)  +\S", done.stdout, re.MULTILINE) == [*PAGES, *FILES]
    assert max(map(len, done.stdout.splitlines())) <= WIDTH


@pytest.mark.parametrize("name", FILES)
def test_docs_prints_a_file_for_another_program_word_for_word(name):
    done = arpcheck("docs", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, file(name), "")


@pytest.mark.parametrize("name", PAGES)
def test_docs_shows_a_page(name):
    done = arpcheck("docs", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(page(name).partition("\n")[0])
    assert "<!--" not in done.stdout
    assert not re.search(r"\]\([a-z-]*(\.md|#)", done.stdout)
    wider = [line for line in prose(done.stdout).splitlines() if len(line) > WIDTH]
    assert wider == []


# --------------------------------------------------------------------------------------------------- files of .github


FIELDS = {"markdown", "input", "textarea", "dropdown", "checkboxes"}


@pytest.mark.parametrize("path", sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name)
def test_an_issue_form_is_one(path):
    """As GitHub wants it: "Syntax for GitHub's form schema"."""
    form = yaml.safe_load(path.read_text())
    if path.name == "config.yml":
        assert isinstance(form["blank_issues_enabled"], bool)
        return
    assert {"name", "description", "body"} <= set(form)
    assert {field["type"] for field in form["body"]} <= FIELDS
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in asked}) == len(asked) > 0
    assert all(field["attributes"]["label"] for field in asked)


def test_the_changelog_has_its_form():
    """Keep a Changelog 1.1: the newest first, known kinds of changes, and this version."""
    text = (GITHUB / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[?([^\]\s]+)", text, re.MULTILINE)
    assert versions[0] == "Unreleased" or versions[0] == package.__version__
    assert package.__version__ in text
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert kinds


def test_contributing_has_a_recipe_for_each():
    text = CONTRIBUTING.read_text()
    recipes = re.findall(r"^### Add an? (.+)$", text, re.MULTILINE)
    assert recipes == [
        "load balancer",
        "MAC source",
        "Kubernetes distribution",
        "format of a MAC list",
        "report format",
        "verdict",
        "finding",
        "command",
    ]
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        if part.startswith("Add"):
            assert re.findall(r"`(arpcheck|tests)/[\w./-]+`", part), part[:40]


def test_every_long_campaign_is_named():
    scripts = {
        path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and "tests/campaigns/" in path.read_text()
    }
    assert scripts
    assert {name for name in scripts if f"`scripts/{name}`" not in CONTRIBUTING.read_text()} == set()
