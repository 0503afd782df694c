"""A user's own potentials by a file: checkpoints of SevenNet and entry points; what is wrong with one is said before
anything runs."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import EngineUnavailableError, InputError, UnknownNameError
from catholyte.configs.load import ENGINES_VARIABLE, load_recipe
from catholyte.configs.trust import trust_of
from catholyte.tests.support.docs.doc_blocks import ROOT, blocks
from catholyte.workflows.engines.ase import verdicts
from catholyte.workflows.engines.ase.sevennet import CHECKPOINTS
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.registry import engine_names, load_backend, require_engine
from catholyte.workflows.engines.tasks import Relax, Static
from catholyte.workflows.identity import identity
from catholyte.workflows.plan.build import build_plan

TRUST = "trust: {class: machine-learned, label: Mine, sentence: a test, scale: its own}\n"
JELLY = "calculator: catholyte.tests.support.engines.jelly:Jelly\nversion: '1'\nfunctional: jelly\n"
COO = Structure(
    Lattice.cubic(4.2667),
    ["Co2+", "Co2+", "Co2+", "Co2+", "O2-", "O2-", "O2-", "O2-"],
    [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]],
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own engines, with a cache of its own."""
    monkeypatch.setenv(ENGINES_VARIABLE, str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(verdicts, "_FOUND", {})
    return tmp_path


def _write(folder: Path, text: str, name: str = "mine") -> None:
    (folder / f"{name}.yaml").write_text(text + TRUST)


def _shipped(name: str) -> Path:
    spec = find_spec("sevenn")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pretrained_potentials" / CHECKPOINTS[name].file


def _uuid(engine: str) -> str:
    return identity(Engine(engine).maker(Static()).job_for(COO, "CoO"))


def test_the_files_of_the_documentation_are_engines(folder: Path) -> None:
    shutil.copy(_shipped("sevennet-0"), folder / "tuned.pth")
    names = []
    for _, text in blocks(ROOT / "docs" / "engines.md", "yaml"):
        name = Path(text.splitlines()[0].removeprefix("# file:").strip())
        if name.parent == Path("engines"):
            (folder / name.name).write_text(text, encoding="utf-8")
            names.append(name.stem)
    assert names == ["tuned", "mine"]
    tuned: Any = load_backend("tuned", {})
    tuned.require({"Li", "Co", "O"})  # the weights are known: nothing is examined
    assert trust_of("tuned").label == "SevenNet, tuned"
    mine: Any = load_backend("mine", {})
    assert mine.has_moments
    assert "energy" in mine.calculator().implemented_properties


def test_an_entry_point_is_an_engine_by_its_file_alone(folder: Path) -> None:
    _write(folder, JELLY + "arguments: {shift: {CoO: 0.03}}\nelements: [Li, Co, Ni, O]\npace: 2.5\n")
    assert "mine" in engine_names()
    backend = load_backend("mine", {})
    assert backend.tier == "mine"
    assert trust_of("mine").label == "Mine"
    backend.require({"Li", "Co", "O"})
    document = backend.calculate(COO, Relax(max_force=0.001), "CoO", folder)
    assert document.structure.volume == pytest.approx(1.03 * COO.volume, rel=1e-3)
    assert (document.signature.engine, document.signature.version) == ("mine", "1")
    assert document.signature.functional == "jelly"
    assert document.magmoms is None
    assert backend.estimate_seconds(10, Static()) == pytest.approx(5 + 2.5 * 0.006 * 10)


def test_arguments_and_version_are_part_of_identity_resources_are_not(folder: Path) -> None:
    found = []
    for more in ("", "threads: 2\n", "arguments: {shift: {CoO: 0.01}}\n", "elements: [Co, O]\n"):
        _write(folder, JELLY + more)
        found.append(_uuid("mine"))
    assert found[0] == found[1] == found[3] != found[2]
    _write(folder, JELLY.replace("'1'", "'2'"))
    assert _uuid("mine") not in found


def test_weights_count_by_content_and_not_by_place(folder: Path) -> None:
    (folder / "a.pt").write_bytes(b"weights")
    (folder / "sub").mkdir()
    (folder / "sub" / "b.pt").write_bytes(b"weights")
    (folder / "c.pt").write_bytes(b"other")
    found = {}
    for name in ("a.pt", "sub/b.pt", str(folder / "c.pt")):
        _write(folder, f"{JELLY}checkpoint: {name}\n")
        found[name] = _uuid("mine")
    assert found["a.pt"] == found["sub/b.pt"] != found[str(folder / "c.pt")]
    signature = load_backend("mine", {}).signature()  # type: ignore[attr-defined]
    assert "sha256:" in signature.potentials
    assert str(folder) not in signature.potentials


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (JELLY.replace("jelly:Jelly", "absent:Jelly"), "cannot be imported: ModuleNotFoundError: No module named"),
        (JELLY.replace(":Jelly", ":Absent"), "cannot be imported: AttributeError: .*has no attribute 'Absent'"),
        (JELLY.replace(":Jelly", ":nothing"), "returned no ASE calculator but str"),
        (JELLY.replace(":Jelly", ":stubborn"), "failed: RuntimeError: weights are missing"),
        (JELLY + "arguments: {colour: red}\n", "failed: TypeError: .*unexpected keyword argument 'colour'"),
        (JELLY + "checkpoint: gone.pt\n", "checkpoint gone.pt: no such file"),
        (JELLY + "arguments: {energy_unit: 23.06}\n", "is refused by the guard: its energies are not in eV"),
        pytest.param(
            JELLY + "arguments: {stress_unit: -1}\n",
            "is refused by the guard: its stress, in eV/Å³ and positive",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            JELLY + "arguments: {stress: false}\n",
            "is refused by the guard: it gives no stress",
            marks=pytest.mark.slow,
        ),
        (JELLY + "elements: [Li, Ni, O]\n", "knows no Co: it was not made for this element"),
        (JELLY + "arguments: {shift: {LCO: 0.06}}\n", "is refused by the guard for Co: LCO: the minimum lies at"),
    ],
)
def test_what_is_wrong_with_an_entry_point_is_said_when_planning(folder: Path, text: str, told: str) -> None:
    _write(folder, text)
    recipe = folder / "own" / "squeeze.yaml"
    recipe.parent.mkdir()
    recipe.write_text(
        "name: squeeze\ntitle: t\nsource: s\nhubbard_u: {Co: 3.9 eV}\nbulk:\n  engine: mine\n  materials: [CoO]\n"
    )
    with pytest.raises(InputError, match=f"engine mine.*{told}"):
        build_plan(*load_recipe(str(recipe)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (JELLY.replace(".jelly:Jelly", ".jelly"), "key 'calculator'"),
        (JELLY.replace("version: '1'\n", ""), "key 'version': this key is needed and missing"),
        (JELLY.replace("functional: jelly\n", ""), "key 'functional': this key is needed and missing"),
        (JELLY + "elements: [Xx]\n", "key 'elements': Xx: no element"),
        (JELLY + "moments: vasp\n", "key 'moments.*'"),
        ("engine: sevenet\n", "key 'engine': unknown engine 'sevenet'; .*sevennet"),
        (
            "engine: sevennet\ncheckpoint: weights.pth\n",
            "key 'functional' is missing: what the energies of weights.pth",
        ),
        ("engine: sevennet\ncheckpoint: sevennet-mf-0\n", "key 'modal' is one of PBE, R2SCAN"),
        ("engine: sevennet\nmodal: PBE\n", "key 'modal' does not apply to sevennet-0"),
        ("engine: sevennet\ncheckpoint: sevennet-mf-0\nmodal: SCAN\n", "'SCAN' is none of PBE, R2SCAN"),
    ],
)
def test_a_wrong_key_is_named(folder: Path, text: str, told: str) -> None:
    _write(folder, text)
    with pytest.raises(InputError, match=told):
        load_backend("mine", {})


def test_a_file_without_a_basis_is_no_engine(folder: Path) -> None:
    _write(folder, "version: '1'\n")
    with pytest.raises(UnknownNameError, match=r"mine\.yaml has neither the key 'engine' nor 'calculator'"):
        require_engine("mine")


def test_a_ledger_needs_moments_and_a_potential_without_them_is_refused(folder: Path) -> None:
    _write(folder, JELLY)
    with pytest.raises(InputError, match="engine mine gives no moments, by which the ledger of oxidation states tells"):
        build_plan(*load_recipe("li-rich"), engine="mine", only="oxygen_loss")


def test_a_checkpoint_is_told_by_content_and_stands_beside_its_file(folder: Path) -> None:
    shutil.copy(_shipped("sevennet-l3i5"), folder / "weights.pth")
    _write(folder, "engine: sevennet\ncheckpoint: weights.pth\nfunctional: PBE/PBE+U, uncorrected\n")
    backend: Any = load_backend("mine", {})
    assert backend.numerics()["checkpoint"] == f"sha256:{CHECKPOINTS['sevennet-l3i5'].sha256}"
    assert backend.signature().engine == "sevennet"
    assert (backend.name, backend.tier, backend.settings.threads) == ("mine", "mine", 1)
    # the same weights under the package's name are the same potential: one verdict
    shipped: Any = load_backend("sevennet", {"checkpoint": "sevennet-l3i5"})
    assert backend.examined_as == shipped.examined_as
    with pytest.raises(InputError, match="engine mine is refused by the guard for Co: LCO: "):
        backend.require({"Li", "Co", "O"})
    with pytest.raises(InputError, match="engine mine knows no Po"):
        backend.require({"Po", "O"})
    # a file has no name among the package's own
    with pytest.raises(InputError, match=r"key 'checkpoint': 'weights\.pth' is none of sevennet-0, "):
        load_backend("sevennet", {"checkpoint": "weights.pth"})
    with pytest.raises(InputError, match="energies are PBE/PBE\\+U; those of modal R2SCAN"):
        load_backend("sevennet", {"checkpoint": "sevennet-mf-0", "modal": "R2SCAN"})


@pytest.mark.parametrize("content", [b"no pickle", b"", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_checkpoint(folder: Path, content: bytes) -> None:
    (folder / "weights.pth").write_bytes(content)
    _write(folder, "engine: sevennet\ncheckpoint: weights.pth\nfunctional: PBE\n")
    with pytest.raises(InputError, match=r"engine mine: .*weights\.pth is no checkpoint of SevenNet \("):
        load_backend("mine", {}).require({"Li", "O"})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"is_train_stress": False}, "was trained without stress"),
        ({"_type_map": {3: 0, 8: 1}}, "knows no Co"),
        ({"_type_map": {}}, "is no checkpoint of SevenNet"),
        ({"_modal_map": {"a": 0, "b": 1}}, "key 'modal' is one of a, b"),
    ],
)
def test_a_checkpoint_of_other_elements_or_without_stress(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], told: str
) -> None:
    from sevenn.checkpoint import SevenNetCheckpoint

    whole = dict(SevenNetCheckpoint(_shipped("sevennet-0")).config)
    monkeypatch.setattr(SevenNetCheckpoint, "config", property(lambda self: {**whole, **change}))
    (folder / "weights.pth").write_bytes(told.encode())
    _write(folder, "engine: sevennet\ncheckpoint: weights.pth\nfunctional: PBE\n")
    with pytest.raises(InputError, match=told):
        load_backend("mine", {}).require({"Li", "Co", "O"})


def test_a_device_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for engine in ("chgnet", "sevennet"):
        backend: Any = load_backend(engine, {"device": "cuda"})
        assert "cuda" not in str(backend.numerics())
        with pytest.raises(EngineUnavailableError, match=r"device cuda: PyTorch .* finds none here"):
            backend.calculator()


def test_weights_of_r2scan_have_a_tier_and_a_scale_of_their_own() -> None:
    plain, asked, named = (
        load_backend("chgnet", {}),
        load_backend("chgnet", {"weights": "r2scan"}),
        load_backend("chgnet-r2scan", {}),
    )
    assert (plain.tier, asked.tier, named.tier) == ("chgnet", "chgnet-r2scan", "chgnet-r2scan")
    assert asked.signature() == named.signature()  # type: ignore[attr-defined]
    assert asked.signature().differences(plain.signature())  # type: ignore[attr-defined]
    assert trust_of("chgnet-r2scan").references == frozenset()
    with pytest.raises(InputError, match=r"has the weights r2scan; those of 0\.3\.0 are chgnet's"):
        load_backend("chgnet-r2scan", {"weights": "0.3.0"})


def test_moments_of_another_potential_are_labelled(tmp_path: Path) -> None:
    backend = load_backend("sevennet", {})
    document = backend.calculate(COO, Static(), "CoO", tmp_path)
    own = load_backend("chgnet", {}).calculate(COO, Static(), "CoO", tmp_path)
    assert document.magmoms == pytest.approx(own.magmoms)
    assert document.moments_by == "chgnet 0.4.2, weights 0.3.0"
    assert own.moments_by is None
    lithia = Structure(Lattice(2.0 * (1 - COO.lattice.matrix / 4.2667)), ["Li+", "H-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert backend.calculate(lithia, Static(), "LiH", tmp_path).magmoms is None
    without = load_backend("sevennet", {"moments": "none"})
    assert not without.has_moments
    assert without.calculate(COO, Static(), "CoO", tmp_path).magmoms is None
