#!/bin/sh
# in_a_copy.sh PACKAGE SCRIPT: runs SCRIPT as root in a copy of this system, with the package at /weir.deb. The copy is an
# overlay in memory and goes with the mount namespace: nothing of this system changes.
set -eu
package=$1
script=$2
if [ "${IN_A_COPY:-}" != yes ]; then
  exec env IN_A_COPY=yes unshare --mount --propagation private sh "$0" "$package" "$script"
fi
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
cp "$package" /mnt/root/weir.deb
cp "$script" /mnt/root/script.sh
mount -t proc proc /mnt/root/proc
mount --rbind /dev /mnt/root/dev
exec chroot /mnt/root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive sh -eu /script.sh
