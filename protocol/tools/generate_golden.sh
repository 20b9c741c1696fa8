#!/bin/sh
# Writes protocol/tests/golden.txt with Kafka's own client as the encoder. Needs a JDK and Maven.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for artifact in org.apache.kafka:kafka-clients:4.4.0 org.slf4j:slf4j-api:1.7.36; do
  (cd "$work" && mvn -q -B dependency:copy -Dartifact="$artifact" -DoutputDirectory="$work")
done
javac -cp "$work/*" -d "$work" "$here/GoldenBytes.java"
java -cp "$work:$work/*" GoldenBytes 2>/dev/null >"$here/../tests/golden.txt"
