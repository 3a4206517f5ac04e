"""Writes the golden texts anew, from what is rendered now."""

from meshnet.mesh import render
from tests.mesh.article import CLUSTERS, article
from tests.mesh.golden import GOLDEN
from tests.mesh.picture import text

for name, generations in CLUSTERS.items():
    (GOLDEN / f"{name}.txt").write_text(text(render(article(*generations))))
