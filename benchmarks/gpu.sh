#!/usr/bin/env bash
# The first hour on a GPU: all that is to be measured there, in parts of less than eight minutes each.
#
#   benchmarks/gpu.sh prepare [--bare]   where there is a network: data and wheels into benchmarks/.gpu/pack-1, -2 ..., which git ignores
#   benchmarks/gpu.sh                    on the machine with the GPU, which needs none: every part that is not done yet
#   benchmarks/gpu.sh PART...            only these
#   benchmarks/gpu.sh --toy [PART...]    the same at toy size on the CPU: a rehearsal, whose figures are kept nowhere else
#
# No pack is larger than 58 MiB ($LONGTAIL_GPU_PACK), so that one and the working tree, 5 MiB, can be carried at a time; what was
# carried before is put together with it. Two are made, 111 MiB:
#
#   pack-1, 53 MiB   wheels .3, MNIST 11, published scores .4, images of CIFAR-100 41    for all parts but the three below
#   pack-2, 58 MiB   the other images of CIFAR-100, after pack-1                          for rate, cifar and cifar-table
#
# The wheels are what a machine with CuPy, PyTorch, numba and pytest lacks; --bare brings all for one with Python 3.12, CuPy and
# PyTorch alone, in as many packs more as they take.
# A part that is done leaves its result, and is not done again; one that was ended goes on where it was when it is started again.
# Results of a GPU are in benchmarks/results/DATE-gpu-PART.md. Without a GPU a part says so, and writes nothing.
set -uo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
ROOM=${LONGTAIL_GPU_ROOM:-benchmarks/.gpu}
LIMIT=${LONGTAIL_GPU_LIMIT:-450} # seconds that a part may take
PYTESTS="tests tests-nets learners pairs mnist"
IMAGES="rate cifar cifar-table"
PARTS=(setup tests tests-nets montecarlo learners pairs mnist mlp rate cifar cifar-table)

PACK=${LONGTAIL_GPU_PACK:-58} # MiB that can be carried at a time
SMALL=(pooch platformdirs array-api-compat array-api-strict) # pure Python, and often missing
ALL=(numpy scipy pandas matplotlib numba scikit-learn joblib threadpoolctl pillow tqdm jinja2
  pytest pytest-benchmark pytest-xdist hypothesis)

prepare() {
  local data=${LONGTAIL_DATA:-../shared/data} staged wanted=("${SMALL[@]}") deps=--no-deps
  for name in mnist cifar100 feldman_zhang; do
    [[ -d $data/$name ]] || { echo "no $name in $data: set LONGTAIL_DATA" >&2; return 1; }
  done
  staged=$(mktemp -d) && mkdir -p "$staged/data" "$staged/wheels"
  if [[ ${1:-} == --bare ]]; then wanted+=("${ALL[@]}") deps=--prefer-binary; fi
  if [[ ${1:-} != --no-wheels ]]; then
    python3 -m pip download --quiet $deps --only-binary=:all: --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 \
      --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -d "$staged/wheels" "${wanted[@]}" || return 1
  fi
  for name in mnist feldman_zhang cifar100; do ln -s "$(cd "$data/$name" && pwd)" "$staged/data/$name"; done
  packed "$staged" && rm -r "$staged" && du -sh --apparent-size "$ROOM"/pack-*
}

packed() { # the files below a folder in their order, into packs of which none is too large
  local limit=$((PACK * 1048576)) number=1 held=0 bytes file
  rm -rf "$ROOM"/pack-*
  while IFS= read -r file; do
    bytes=$(stat -Lc %s "$1/$file")
    ((bytes <= limit)) || { echo "$file has $bytes bytes: more than a pack may have" >&2; return 1; }
    if ((held + bytes > limit)); then ((++number)); held=0; fi
    held=$((held + bytes))
    mkdir -p "$ROOM/pack-$number/$(dirname "$file")" && cp --no-preserve=mode "$1/$file" "$ROOM/pack-$number/$file" || return 1
  done < <(cd "$1" && for part in wheels data/mnist data/feldman_zhang data/cifar100; do find -L "$part" -type f | sort; done)
}

gathered() { # what packs have brought, in one place; CIFAR-100 in the official layout once all of it is there
  local pack
  for pack in "$ROOM"/pack-*/; do
    [[ ! -d $pack ]] || cp -rn "$pack." "$ROOM/"
  done
  if [[ -e $ROOM/data/cifar100/unpack.py && ! -d $ROOM/data/cifar-100-binary && $(ls "$ROOM"/data/cifar100/*.webp | wc -l) == 12 ]]; then
    python3 "$ROOM/data/cifar100/unpack.py" "$ROOM/data" || return 1
  fi
}

if [[ ${1:-} == prepare ]]; then
  mkdir -p "$ROOM" && prepare "${2:-}"
  exit
fi
mkdir -p "$ROOM" && gathered || exit 1
toy=()
if [[ ${1:-} == --toy ]]; then
  toy=(--toy)
  shift
else
  export LONGTAIL_BENCHMARK=full LONGTAIL_SIZE=${LONGTAIL_SIZE:-50000}
  [[ ! -d $ROOM/data ]] || export LONGTAIL_DATA=$(cd "$ROOM/data" && pwd)
fi
STAMPS=$ROOM/done${toy:+-toy}
mkdir -p "$STAMPS"
ROOM=$(cd "$ROOM" && pwd)
export PYTHONPATH="$PYTHONPATH:$ROOM/site" # where setup puts what was missing

there() { python3 - <<'PY'
import sys
try:
    import cupy
    sys.exit(not cupy.cuda.runtime.getDeviceCount())
except Exception:
    try:
        import torch
        sys.exit(not torch.cuda.is_available())
    except Exception:
        sys.exit(1)
PY
}

gpu_tests() { # pytest ends with 5 where nothing was to be run
  python3 -m pytest -m gpu -n "${LONGTAIL_GPU_WORKERS:-4}" -q -rs "$@"
}

benchmark() { python3 -m pytest --benchmark-only -n 0 -q -s -rs "$@"; }

part() {
  case $1 in
    setup) # what is missing here, from the wheels, beside what is installed
      python3 - "$ROOM" <<'PY'
import importlib.util, subprocess, sys
from pathlib import Path

room = Path(sys.argv[1])
names = {"array-api-compat": "array_api_compat", "array-api-strict": "array_api_strict", "scikit-learn": "sklearn", "pillow": "PIL",
         "pytest-benchmark": "pytest_benchmark", "pytest-xdist": "xdist", "torch": "torch", "cupy-cuda12x": "cupy"}
wheels = sorted((room / "wheels").glob("*.whl"))
missing = [w for w in wheels if importlib.util.find_spec(names.get(n := w.name.split("-")[0].replace("_", "-"), n.replace("-", "_"))) is None]
if missing:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--upgrade", "--target", str(room / "site")]
    subprocess.run([*command, *map(str, missing)], check=True)
print("brought:", ", ".join(w.name for w in missing) or "nothing, all is there")
PY
      python3 -c 'import numpy, numba, scipy, pandas, sklearn, matplotlib, jinja2, pooch, joblib, array_api_compat
import pytest, hypothesis, pytest_benchmark, xdist; print("NumPy", numpy.__version__, "numba", numba.__version__)'
      ;;
    tests) gpu_tests tests --ignore=tests/empirical ;;
    tests-nets) gpu_tests tests/empirical ;;
    learners) benchmark benchmarks/test_learners.py -m gpu ;;
    pairs) benchmark benchmarks/test_aggregation.py -m gpu ;;
    mnist) benchmark benchmarks/test_mnist.py -m gpu ;;
    cifar) python3 -m benchmarks.gpu train "${toy[@]}" --room "$ROOM" ;;
    cifar-table) python3 -m benchmarks.gpu table "${toy[@]}" --room "$ROOM" ;;
    *) python3 -m benchmarks.gpu "$1" "${toy[@]}" --room "$ROOM" ;;
  esac
}

failed=0
for name in "${@:-${PARTS[@]}}"; do
  [[ " ${PARTS[*]} " == *" $name "* ]] || { echo "no part $name: give some of ${PARTS[*]}" >&2; exit 2; }
  if [[ -e $STAMPS/$name ]]; then
    echo "=== $name: done before"
    continue
  fi
  if [[ $name != setup && -z ${toy[*]} ]] && ! there; then
    echo "=== $name: no GPU here, nothing is measured"
    failed=3
    continue
  fi
  if [[ " $IMAGES " == *" $name "* && -z ${toy[*]} && -d $ROOM/data && ! -d $ROOM/data/cifar-100-binary ]]; then
    echo "=== $name: not all images of CIFAR-100 are here: carry the other packs too"
    failed=1
    continue
  fi
  echo "=== $name"
  said=$STAMPS/$name.txt
  began=$SECONDS
  timeout --signal=INT --kill-after=20 "$LIMIT" bash -c "$(declare -f part gpu_tests benchmark); $(declare -p ROOM toy); part $name" >"$said" 2>&1
  code=$?
  tail -n 15 "$said"
  [[ $code != 5 || -z ${toy[*]} ]] || code=0 # a rehearsal, for which there is no such test
  if ((code == 0)) && [[ -z ${toy[*]} && " $PYTESTS " == *" $name "* ]] && ! grep -Eq '[0-9]+ passed' "$said"; then
    code=3 # all were skipped, and the reason stands above
  fi
  if ((code == 0)); then
    if [[ -z ${toy[*]} && $name != setup ]]; then
      python3 -m benchmarks.gpu record --name "$name" --said "$said" --seconds "$((SECONDS - began))" || exit 1
    fi
    touch "$STAMPS/$name"
  else
    echo "=== $name: ended with $code after $((SECONDS - began)) s; start again, and it goes on" >&2
    failed=1
  fi
done
exit $failed
