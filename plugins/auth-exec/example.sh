#!/bin/sh
# One user, joe, whose password is "secret", for restante-auth-exec(7):
#	auth-exec { program = "/usr/local/libexec/one-user" }
read -r _
echo "restante-auth 1"
while read -r id call user password rest; do
	case "$call $user $password" in
	"verify user=joe password=secret") echo "$id ok uid=1001 gid=1001 home=/home/joe" ;;
	"verify user=joe password="*) echo "$id deny" ;;
	"lookup user=joe "*) echo "$id ok uid=1001 gid=1001 home=/home/joe" ;;
	*) echo "$id none" ;;
	esac
done
