#!/bin/bash
# Asks for a TPU, runs on all of its machines, asks for another when it is preempted, and gives it back at the end.
set -uo pipefail

where=(--project=my-project --zone=us-west4-a)
name=example
pause=${PAUSE:-30}
# whether the queued resource of this name is this launch's own: nothing else may be used or removed
mine=

remote=$(cat <<'GUDSPEC_REMOTE'
set -e
pip install --quiet "gudspec[gcs] @ git+https://github.com/my-project/gudspec" "jax[tpu]"
cat >"$HOME/gudspec-spec.yaml" <<'GUDSPEC_SPEC'
gudspec: 1
name: example
seed: 0
data:
  source:
    kind: digits
  dequantize: uniform
  flip: none
  validation: 0.0
design:
  basis:
    kind: pixel
  prior:
    kind: isotropic
    scale: 1.0
  schedule:
    kind: linear
    gamma:
      min: null
      max: null
  segments: off
objective:
  kind: denoising
  prediction: epsilon
  weight: uniform
  time: uniform
  measure:
    kind: path
network:
  kind: unet
  channels: 64
  multipliers: [1, 2, 2]
  blocks: 2
  attention: 16
  heads: 2
  conditioning: groups
  state: 32
  mixer_layers: 2
  mixer_tokens: 64
  dropout: 0.0
  labels: false
  label_dropout: 0.0
  grids: shared
  remat: false
train:
  steps: 1000
  batch_size: 128
  optimizer:
    kind: adam
    learning_rate: 0.0005
    schedule: constant
    warmup: 0
    clip: null
    b1: 0.9
    b2: 0.999
    weight_decay: 0.0
  ema: 0.999
  phases: []
  log_every: 100
  accumulate: 1
  compute: float32
  divergence: stop
  explosion: 1000.0
evaluate: []
sample: []
mesh:
  data: -1
  fsdp: 1
checkpoint:
  every: 100
  keep: 3
  keep_every: null
  best: null
sweep:
  grid:
    train.optimizer.learning_rate: [0.0005, 0.001]
  zip:
    seed: [0, 1]
  random: null
launch:
  processes: 2
  cpus: 8
  gpu: true
  hours: 12.0
  queue: research
  accelerator: "v5e:4x4"
  slices: 1
  spot: true
  project: my-project
  zone: us-west4-a
  image: "registry.example.com/images/gudspec:0.1.0"
  setup: "pip install --quiet \"gudspec[gcs] @ git+https://github.com/my-project/gudspec\" \"jax[tpu]\""
  retries: 3
GUDSPEC_SPEC
# A connection may break and leave gudspec running, which then holds the workdir: it saves itself and goes first.
old=$(cat "$HOME/gudspec.pid" 2>/dev/null) || old=
if [ -n "$old" ] && grep --quiet --no-messages gudspec "/proc/$old/cmdline"; then
  kill "$old" || true
  for _ in {1..300}; do kill -0 "$old" 2>/dev/null || break; sleep 1; done
  pkill -KILL --parent "$old" || true
  kill -KILL "$old" 2>/dev/null || true
fi
# how the workers meet: nothing in the environment of a TPU VM tells that it is one of several
attribute() {
  curl --silent --fail --header 'Metadata-Flavor: Google' "http://metadata.google.internal/computeMetadata/v1/instance/attributes/$1"
}
all=$(attribute worker-network-endpoints)
process=$(attribute agent-worker-number)
first=${all%%,*}
export GUDSPEC_COORDINATOR="${first##*:}:8482" GUDSPEC_PROCESSES=4 GUDSPEC_PROCESS="$process"
# one worker may be ready minutes after another
export GUDSPEC_MEETING_SECONDS=900
set +e
(
  echo "$BASHPID" >"$HOME/gudspec.pid"
  exec gudspec run "$HOME/gudspec-spec.yaml" --workdir gs://my-bucket/runs
)
echo "gudspec ended with code $?"
GUDSPEC_REMOTE
)

taken() {
  mine=
  echo "a queued resource named $name exists, and nothing tells that this launch made it: another one may be using it." >&2
  echo "Wait for that one, or give the spec another name. If nothing uses it, delete it first:" >&2
  echo "  gcloud compute tpus queued-resources delete $name ${where[*]} --force" >&2
  exit 2
}

create() {
  local said before=$mine
  mine=yes # while the answer is on its way, too
  if said=$(gcloud compute tpus queued-resources create "$name" "${where[@]}" --node-id="$name" \
    --accelerator-type=v5litepod-16 --runtime-version=v2-alpha-tpuv5-lite --spot 2>&1); then
    echo "$said"
    return
  fi
  echo "$said" >&2
  mine=$before
  case "$said" in *ALREADY_EXISTS* | *"already exists"*) [ -n "$mine" ] || taken ;; esac
  return 1
}

remove() {
  gcloud compute tpus queued-resources delete "$name" "${where[@]}" --force --quiet
}

state() {
  local request node
  request=$(gcloud compute tpus queued-resources describe "$name" "${where[@]}" --format='value(state.state)' 2>/dev/null)
  if [ "$request" = ACTIVE ]; then
    # the request stays active for a while after its machines have gone
    node=$(gcloud compute tpus tpu-vm describe "$name" "${where[@]}" --format='value(state)' 2>/dev/null)
    case "$node" in PREEMPTED | TERMINATED) request=SUSPENDED ;; esac
  fi
  echo "$request"
}

give_back() {
  trap '' INT TERM # a second Ctrl-C would leave the TPU behind
  [ -z "$mine" ] || remove
}

trap give_back EXIT
failures=0 refusals=0
while [ "$failures" -le 3 ]; do
  now=$(state)
  [ -z "$now" ] || [ -n "$mine" ] || taken
  case "$now" in
    ACTIVE) refusals=0 ;;
    # the cloud may also just not have answered: only refusals in a row count
    "") if create; then refusals=0; elif [ $((refusals += 1)) -gt 3 ]; then break; fi; sleep "$pause"; continue ;;
    FAILED | SUSPENDED) echo "preempted, or not to be had: asking again"; remove; sleep "$pause"; continue ;;
    *) refusals=0; sleep "$pause"; continue ;;
  esac

  said=$(mktemp)
  # a machine that went away without a word ends the connection after three minutes
  gcloud compute tpus tpu-vm ssh "$name" "${where[@]}" --worker=all --ssh-flag=-oServerAliveInterval=30 \
    --ssh-flag=-oServerAliveCountMax=6 --command="$remote" 2>&1 | tee "$said"
  codes=$(sed -nE 's/.*gudspec ended with code ([0-9]+).*/\1/p' "$said" | sort | uniq -c | awk '{print $2 "x" $1}' | xargs)
  rm -f "$said"

  # 2, 3: refused or diverged, final. 75, or a TPU that is gone: continue. Anything else: a retry may help.
  case " $codes " in
    *" 2x"*) exit 2 ;;
    *" 3x"*) exit 3 ;;
    " 0x4 ") exit 0 ;;
    *" 75x"*) ;;
    *) [ "$(state)" != ACTIVE ] || failures=$((failures + 1)) ;;
  esac
  sleep "$pause"
done
echo "gave up after $failures failed runs and $refusals refused requests" >&2
exit 1
