# Becomes systemd, as PID 1 of new namespaces. Arguments: an empty folder to build the root in, the folder of the test's
# files, and other folders to show. What fails up to the end fails because something is forbidden.
set -eu
root=$1 files=$2
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr etc/systemd/system run dev proc sys tmp root var/log

# The machine's programs, to read only.
mount --rbind /usr usr
mount -o remount,bind,ro usr
for name in bin sbin lib lib32 lib64 libx32; do
	if [ -L "/$name" ]; then
		cp -d "/$name" "$name"
	elif [ -d "/$name" ]; then
		mkdir "$name"
		mount --bind "/$name" "$name"
		mount -o remount,bind,ro "$name"
	fi
done
cp /etc/ld.so.cache etc/
echo root:x:0:0:root:/root:/bin/sh >etc/passwd
echo root:x:0: >etc/group
echo ID=hale >etc/os-release
echo 00000000000040008000000000000001 >etc/machine-id
mount --bind "$files/units" etc/systemd/system
# The machine's own units and what makes some are no part of it.
for folder in usr/lib/systemd/system usr/lib/systemd/system-generators lib/systemd/system lib/systemd/system-generators; do
	[ ! -d "$folder" ] || mount -t tmpfs -o ro,mode=755 tmpfs "$folder"
done

# Kernel interfaces: nothing that is the whole machine's can be written.
mount -t proc -o nosuid,nodev,noexec proc proc
for name in sys sysrq-trigger irq bus fs; do
	if [ -e "proc/$name" ]; then
		mount --bind "proc/$name" "proc/$name"
		mount -o remount,bind,ro "proc/$name"
	fi
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/shm dev/pts
for name in null zero full random urandom tty; do
	touch "dev/$name"
	mount --bind "/dev/$name" "dev/$name"
done
touch dev/kmsg
mount --bind "$files/log" dev/kmsg

# The test's files, where the test has them.
shift
for folder in "$@"; do
	mkdir -p ".$folder"
	mount --bind "$folder" ".$folder"
done

mkdir .machine
pivot_root . .machine
cd /
umount -l .machine
rmdir .machine
may=-all,+chown,+dac_override,+dac_read_search,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap
may=$may,+net_bind_service,+sys_chroot,+sys_ptrace,+sys_admin,+sys_nice,+sys_resource,+audit_write,+setfcap
exec setpriv --bounding-set="$may" env -i container=hale PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --system --unit=hale.target --log-target=kmsg --log-level=info --show-status=no
