"""Files that appear as a whole."""

from pathlib import Path

import pytest
from etils import epath

from gudspec.whole import is_remote, whole, write_whole


def test_a_reader_sees_the_old_content_until_the_new_is_complete(tmp_path: Path) -> None:
    file = epath.Path(tmp_path) / "text"
    write_whole(file, "öld\n")

    def fail() -> None:
        with whole(file) as opened:
            opened.write(b"new")
            assert (tmp_path / "text").read_bytes() == "öld\n".encode()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / "text").read_bytes() == "öld\n".encode()
    write_whole(file, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["text"]
    assert file.read_text() == "new"


def test_objects_are_remote_and_files_are_not(tmp_path: Path) -> None:
    assert is_remote(epath.Path("gs://runs/a"))
    assert not is_remote(epath.Path(tmp_path))
