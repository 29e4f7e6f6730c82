/* address - from a recipient to a user. */
#include "mail/address.h"

#include <stdio.h>
#include <string.h>

int mail_address_ok(const char *address)
{
	size_t n = strlen(address);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)address[i] < ' ' || address[i] == 0x7f)
			return 0;
	return n < MAIL_ADDRESS;
}

/* Where the domain begins: at the last @, or at the end. */
static size_t local_len(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL ? (size_t)(at - address) : strlen(address);
}

static void lower(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + ('a' - 'A'));
}

static size_t add(char names[MAIL_CANDIDATES][MAIL_ADDRESS], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], names[n]) == 0)
			return n;
	return names[n][0] != '\0' && names[n][0] != '@' ? n + 1 : n;
}

size_t mail_candidates(
	const char *address, const char *delimiters, char names[MAIL_CANDIDATES][MAIL_ADDRESS])
{
	size_t local = local_len(address), user = local, n = 0, both;

	for (size_t i = local; i-- > 1;)
		if (strchr(delimiters, address[i]) != NULL)
			user = i;
	snprintf(names[n], MAIL_ADDRESS, "%.*s%s", (int)user, address, address + local);
	n = add(names, n);
	snprintf(names[n], MAIL_ADDRESS, "%.*s", (int)user, address);
	n = add(names, n);
	both = n;
	for (size_t i = 0; i < both; i++) {
		memcpy(names[n], names[i], MAIL_ADDRESS);
		lower(names[n]);
		n = add(names, n);
	}
	return n;
}

int mail_extend(
	const char *user, const char *extension, const char *delimiters, char address[MAIL_ADDRESS])
{
	size_t local = local_len(user);
	char with = delimiters[0] != '\0' ? delimiters[0] : '+';
	int n;

	if (extension[0] == '\0')
		n = snprintf(address, MAIL_ADDRESS, "%s", user);
	else
		n = snprintf(address, MAIL_ADDRESS, "%.*s%c%s%s", (int)local, user, with, extension,
			user + local);
	return n > 0 && n < MAIL_ADDRESS ? 0 : -1;
}
