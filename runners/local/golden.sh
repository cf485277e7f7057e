gudspec run runners/example.yaml --workdir gs://my-bucket/runs --coordinator localhost:$PORT --processes 2 --process 0
gudspec run runners/example.yaml --workdir gs://my-bucket/runs --coordinator localhost:$PORT --processes 2 --process 1
