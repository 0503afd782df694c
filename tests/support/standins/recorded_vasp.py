"""Stands where VASP would: puts recorded output of a real run into the working directory.

``python recorded_vasp.py PREFIX [TAG=VALUE ...]``: PREFIX of the recorded files (``…_vasprun.xml.gz``); each TAG=VALUE
is written into INCAR first, as an error handler would.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path


def main(prefix: str, *changes: str) -> None:
    """Write vasprun.xml, OUTCAR, CONTCAR and a minimal OSZICAR."""
    for name in ("vasprun.xml", "OUTCAR", "CONTCAR"):
        Path(name).write_bytes(gzip.decompress(Path(f"{prefix}_{name}.gz").read_bytes()))
    Path("OSZICAR").write_text(
        "DAV:  20    -0.104174248021E+03   -0.90000E-07\n   1 F= -.10417425E+03 E0= -.10417425E+03  d E =0.0  mag= "
        "0.0\n"
    )
    incar = Path("INCAR").read_text().splitlines()
    for change in changes:
        tag, _, value = change.partition("=")
        incar = [line for line in incar if line.split("=")[0].strip() != tag] + [f"{tag} = {value}"]
    Path("INCAR").write_text("\n".join(incar) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
