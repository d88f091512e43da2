"""The table of libraries that no instrumentor traces."""

from __future__ import annotations

from autotrace.patching.catalog import parts
from autotrace.patching.versions import normalized, required
from autotrace.patching.wellknown import unsupported, versions_in, well_known

QUIET = ("django.db.",)  # what it asks of a database for itself; its requests have no instrumentor yet


def test_what_is_supported_is_not_in_the_table():
    """Whoever adds an instrumentor takes its library out, unless it only keeps a part of that quiet."""
    served = [part for part in parts() if not part.trigger.startswith(QUIET)]
    modules = {part.trigger.partition(".")[0] for part in served}
    names = {normalized(required(part.requires or "")[0]) for part in served}
    assert not [one.module for one in well_known() if one.module in modules or normalized(one.distribution) in names]
    assert len({normalized(one.distribution) for one in well_known()}) == len(well_known()) > 50


def test_what_is_installed_is_told_by_the_names_of_its_metadata(tmp_path):
    """However a name is written, with its version; nothing is opened or imported."""
    for name in (
        "Django-5.1.2.dist-info",
        "grpcio-1.60.0-py3.12.egg-info",
        "stomp_py-8.2.0.dist-info",
        "acme-1.dist-info",
    ):
        (tmp_path / name).mkdir()
    versions = versions_in([str(tmp_path / "nowhere"), str(tmp_path)])
    assert versions == {"django": "5.1.2", "grpcio": "1.60.0", "stomp_py": "8.2.0", "acme": "1"}
    assert [(one["name"], one["version"], one["kind"]) for one in unsupported(versions)] == [
        ("Django", "5.1.2", "web framework"),
        ("grpcio", "1.60.0", "RPC"),
        ("stomp.py", "8.2.0", "messages"),
    ]
