#!/bin/sh
# certificates.sh DIRECTORY ADDRESS: an authority, an engine's and a client's certificate, and a client's of another authority.
set -eu
mkdir -p "$1/wrong"
cd "$1"
new() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "$@" 2>/dev/null; }
# signed AUTHORITY NAME
signed() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$2-key.pem" 2>/dev/null |
    openssl x509 -req -CA "$1.pem" -CAkey "$1-key.pem" -days 30 -out "$2.pem" -extfile extensions 2>/dev/null
}
new -subj /CN=authority -keyout ca-key.pem -out ca.pem
echo "subjectAltName=IP:$2" >extensions
signed ca server
signed ca cert
mv cert-key.pem key.pem
new -subj /CN=stranger -keyout wrong/key.pem -out wrong/cert.pem
cp ca.pem wrong/ca.pem
