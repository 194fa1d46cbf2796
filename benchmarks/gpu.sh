#!/usr/bin/env bash
# The first hour on a GPU: all that is to be measured there, in parts of less than eight minutes each.
#
#   benchmarks/gpu.sh prepare [--with-torch]   where there is a network: data and wheels into benchmarks/.gpu, which git ignores
#   benchmarks/gpu.sh                          on the machine with the GPU, which needs none: every part that is not done yet
#   benchmarks/gpu.sh PART...                  only these
#   benchmarks/gpu.sh --toy [PART...]          the same at toy size on the CPU: a rehearsal, whose figures are kept nowhere else
#
# A part that is done leaves its result, and is not done again; one that was ended goes on where it was when it is started again.
# Results of a GPU are in benchmarks/results/DATE-gpu-PART.md. Without a GPU a part says so, and writes nothing.
set -uo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
ROOM=${LONGTAIL_GPU_ROOM:-benchmarks/.gpu}
LIMIT=${LONGTAIL_GPU_LIMIT:-450} # seconds that a part may take
PYTESTS="tests tests-nets learners pairs mnist"
PARTS=(setup tests tests-nets montecarlo learners pairs mnist mlp rate cifar cifar-table)

prepare() {
  local data=${LONGTAIL_DATA:-../shared/data}
  mkdir -p "$ROOM/data" "$ROOM/wheels"
  for name in mnist cifar100 feldman_zhang; do
    [[ -d $data/$name ]] || { echo "no $name in $data: set LONGTAIL_DATA" >&2; return 1; }
    cp -r --no-preserve=mode "$data/$name" "$ROOM/data/"
  done
  local wanted=(numpy scipy pandas matplotlib numba scikit-learn joblib threadpoolctl pillow pooch tqdm jinja2 array-api-compat
    pytest pytest-benchmark pytest-xdist hypothesis array-api-strict)
  [[ ${1:-} != --with-torch ]] || wanted+=(torch cupy-cuda12x)
  python3 -m pip download --quiet --only-binary=:all: --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -d "$ROOM/wheels" "${wanted[@]}" || return 1
  du -sh "$ROOM"
}

if [[ ${1:-} == prepare ]]; then
  prepare "${2:-}"
  exit
fi
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
mkdir -p "$ROOM" && ROOM=$(cd "$ROOM" && pwd)
PATH=$ROOM/venv/bin:$PATH # where setup has made it

there() { python - <<'PY'
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
  python -m pytest -m gpu -n "${LONGTAIL_GPU_WORKERS:-4}" -q -rs "$@"
}

benchmark() { python -m pytest --benchmark-only -n 0 -q -s -rs "$@"; }

part() {
  case $1 in
    setup) # what is missing here, from the wheels, beside what is installed; CIFAR-100 from its images to the official layout
      if [[ -e $ROOM/data/cifar100/unpack.py && ! -d $ROOM/data/cifar-100-binary ]]; then
        python "$ROOM/data/cifar100/unpack.py" "$ROOM/data" || return 1
      fi
      if python -c 'import numba, scipy, pandas, sklearn, matplotlib, jinja2, pooch, joblib, pytest, hypothesis, pytest_benchmark, xdist'; then
        python -c 'import numpy, numba; print("all there: NumPy", numpy.__version__, "numba", numba.__version__)'
      else
        python3 -m venv --system-site-packages "$ROOM/venv" &&
          "$ROOM/venv/bin/python" -m pip install --quiet --no-index --find-links "$ROOM/wheels" numba scipy pandas matplotlib scikit-learn \
            joblib threadpoolctl pillow pooch tqdm jinja2 array-api-compat pytest pytest-benchmark pytest-xdist hypothesis array-api-strict
      fi
      ;;
    tests) gpu_tests tests --ignore=tests/empirical ;;
    tests-nets) gpu_tests tests/empirical ;;
    learners) benchmark benchmarks/test_learners.py -m gpu ;;
    pairs) benchmark benchmarks/test_aggregation.py -m gpu ;;
    mnist) benchmark benchmarks/test_mnist.py -m gpu ;;
    cifar) python -m benchmarks.gpu train "${toy[@]}" --room "$ROOM" ;;
    cifar-table) python -m benchmarks.gpu table "${toy[@]}" --room "$ROOM" ;;
    *) python -m benchmarks.gpu "$1" "${toy[@]}" --room "$ROOM" ;;
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
      python -m benchmarks.gpu record --name "$name" --said "$said" --seconds "$((SECONDS - began))" || exit 1
    fi
    touch "$STAMPS/$name"
  else
    echo "=== $name: ended with $code after $((SECONDS - began)) s; start again, and it goes on" >&2
    failed=1
  fi
done
exit $failed
