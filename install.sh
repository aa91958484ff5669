#!/bin/sh
# Installs deployer from a release archive, or from the directory into which one was unpacked.
#
#   sh install.sh                                from the directory that this script is in
#   sh install.sh deployer-1.0.0-x86_64-unknown-linux-gnu.tar.gz
#   sh install.sh --prefix /usr/local ARCHIVE    default: ~/.local
#
# It needs only a POSIX shell, tar and gzip, and sends nothing anywhere.
set -eu

prefix=${HOME:-/usr/local}/.local
[ -n "${HOME:-}" ] || prefix=/usr/local
archive=
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=$2; shift 2 ;;
    -h | --help) sed -n '2,8p' "$0"; exit 0 ;;
    -*) echo "unknown option $1; see --help" >&2; exit 2 ;;
    *) archive=$1; shift ;;
  esac
done

source=$(cd "$(dirname "$0")" && pwd)
room=
if [ -n "$archive" ]; then
  if [ -f "$archive.sha256" ] && command -v sha256sum >/dev/null 2>&1; then
    (cd "$(dirname "$archive")" && sha256sum --quiet -c "$(basename "$archive").sha256") || {
      echo "$archive does not have the checksum in $archive.sha256; nothing was installed" >&2
      exit 1
    }
  fi
  room=$(mktemp -d)
  trap 'rm -rf "$room"' EXIT
  tar -xzf "$archive" -C "$room"
  set -- "$room"/*
  source=$1
fi
if [ ! -x "$source/deployer" ]; then
  echo "$source has no deployer: give the release archive as an argument" >&2
  exit 2
fi

mkdir -p "$prefix/bin" "$prefix/share/man/man1" \
  "$prefix/share/bash-completion/completions" "$prefix/share/zsh/site-functions" "$prefix/share/fish/vendor_completions.d"
# Written beside it and then renamed, so that a running deployer keeps its file.
cp "$source/deployer" "$prefix/bin/.deployer.new"
chmod 755 "$prefix/bin/.deployer.new"
mv -f "$prefix/bin/.deployer.new" "$prefix/bin/deployer"
cp "$source"/man/*.1 "$prefix/share/man/man1/"
cp "$source/completions/deployer.bash" "$prefix/share/bash-completion/completions/deployer"
cp "$source/completions/deployer.zsh" "$prefix/share/zsh/site-functions/_deployer"
cp "$source/completions/deployer.fish" "$prefix/share/fish/vendor_completions.d/deployer.fish"

echo "Installed $("$prefix/bin/deployer" --version) in $prefix/bin."
case ":${PATH:-}:" in
  *":$prefix/bin:"*) ;;
  *) echo "$prefix/bin is not in PATH. Add it:"; echo "  export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
echo "Next: deployer dev"
