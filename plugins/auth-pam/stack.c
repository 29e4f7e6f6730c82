/* stack - pam_start to pam_end.
 *
 * A module asks for a name and gets the client's, or for a secret and gets the password; nobody is
 * there to be asked anything else. What the stack answers falls into three kinds, in a table below:
 * this user is refused, this user is not known, or it could not be found out. The last is never
 * said as a refusal: a mail client that hears of a wrong password asks its user for another. */
#include "stack.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <security/pam_appl.h>

struct answers {
	const char *user, *password;
};

/* --- what the stack says --- */

static const struct {
	int pam, result;
	const char *text; /* for the log */
} meanings[] = {
	{PAM_SUCCESS, RESTANTE_OK, NULL},
	{PAM_USER_UNKNOWN, RESTANTE_NONE, "no such user"},
	{PAM_AUTH_ERR, RESTANTE_DENY, "refused"},
	{PAM_PERM_DENIED, RESTANTE_DENY, "permission denied"},
	{PAM_MAXTRIES, RESTANTE_DENY, "too many tries"},
	{PAM_ACCT_EXPIRED, RESTANTE_DENY, "account expired"},
	{PAM_NEW_AUTHTOK_REQD, RESTANTE_DENY, "password expired"},
	{PAM_AUTHTOK_EXPIRED, RESTANTE_DENY, "password expired"},
	{PAM_CRED_EXPIRED, RESTANTE_DENY, "credentials expired"},
};
#define MEANINGS (sizeof(meanings) / sizeof(meanings[0]))

/* All that is not in the table is trouble: AUTHINFO_UNAVAIL, SYSTEM_ERR, ABORT, MODULE_UNKNOWN. */
static int judge(
	const struct stack *s, pam_handle_t *pam, const char *user, const char *step, int code)
{
	for (size_t i = 0; i < MEANINGS; i++) {
		if (meanings[i].pam != code)
			continue;
		if (meanings[i].result != RESTANTE_OK)
			s->host->log(s->host->c, LOG_NOTICE, "user %s: %s (%s)", user,
				meanings[i].text, step);
		return meanings[i].result;
	}
	s->host->log(s->host->c, LOG_ERR, "user %s: service %s: %s: %s", user, s->service, step,
		pam_strerror(pam, code));
	return RESTANTE_TEMP;
}

/* --- the conversation --- */

static void forget(struct pam_response *r, int n)
{
	for (int i = 0; i < n; i++)
		if (r[i].resp != NULL) {
			explicit_bzero(r[i].resp, strlen(r[i].resp));
			free(r[i].resp);
		}
	free(r);
}

/* What is returned belongs to the module, which frees it. */
static int converse(int n, const struct pam_message **ask, struct pam_response **out, void *arg)
{
	const struct answers *a = arg;
	struct pam_response *r;

	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	r = calloc((size_t)n, sizeof(*r));
	if (r == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		const char *answer = NULL;

		if (ask[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			answer = a->password;
		else if (ask[i]->msg_style == PAM_PROMPT_ECHO_ON)
			answer = a->user;
		else if (ask[i]->msg_style == PAM_TEXT_INFO || ask[i]->msg_style == PAM_ERROR_MSG)
			continue;
		r[i].resp = answer != NULL ? strdup(answer) : NULL;
		if (r[i].resp == NULL) { /* a question that nobody can answer */
			forget(r, n);
			return PAM_CONV_ERR;
		}
	}
	*out = r;
	return PAM_SUCCESS;
}

/* --- the steps --- */

/* The core sees to the time that a refusal takes, without holding up a worker. */
static void no_delay(int code, unsigned usec, void *arg)
{
	(void)code;
	(void)usec;
	(void)arg;
}

static int set(pam_handle_t *pam, int item, const char *value)
{
	return value[0] != '\0' ? pam_set_item(pam, item, value) : PAM_SUCCESS;
}

static int set_items(pam_handle_t *pam, const struct restante_request *req)
{
	union {
		void (*call)(int, unsigned, void *);
		const void *item;
	} delay = {no_delay};
	int code = set(pam, PAM_RHOST, req->client_ip);

	if (code == PAM_SUCCESS)
		code = set(pam, PAM_TTY, req->service);
	if (code == PAM_SUCCESS)
		code = pam_set_item(pam, PAM_FAIL_DELAY, delay.item);
	return code;
}

/* For modules that do something then, such as making a home. */
static int credentials_and_session(const struct stack *s, pam_handle_t *pam, const char **step)
{
	int code = PAM_SUCCESS;

	if (s->setcred) {
		*step = "pam_setcred";
		code = pam_setcred(pam, PAM_ESTABLISH_CRED | PAM_SILENT);
	}
	if (code == PAM_SUCCESS && s->session) {
		*step = "pam_open_session";
		code = pam_open_session(pam, PAM_SILENT);
		if (code == PAM_SUCCESS)
			(void)pam_close_session(pam, PAM_SILENT);
	}
	if (s->setcred)
		(void)pam_setcred(pam, PAM_DELETE_CRED | PAM_SILENT);
	return code;
}

static int all_steps(const struct stack *s, pam_handle_t *pam, const struct restante_request *req,
	const char *password, const char **step)
{
	int code;

	*step = "pam_set_item";
	code = set_items(pam, req);
	if (code == PAM_SUCCESS && password != NULL) {
		*step = "pam_authenticate";
		code = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	}
	if (code == PAM_SUCCESS) {
		*step = "pam_acct_mgmt";
		code = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	}
	if (code == PAM_SUCCESS && password != NULL)
		code = credentials_and_session(s, pam, step);
	return code;
}

/* Modules may have taken the user for another than the client said. */
static int take_name(const struct stack *s, pam_handle_t *pam, char name[STACK_NAME_MAX])
{
	const void *item = NULL;
	size_t n;

	if (pam_get_item(pam, PAM_USER, &item) != PAM_SUCCESS || item == NULL)
		return RESTANTE_TEMP;
	n = strlen(item);
	if (n == 0 || n >= STACK_NAME_MAX) {
		s->host->log(s->host->c, LOG_ERR,
			"service %s: the name of the user became one of %zu octets", s->service, n);
		return RESTANTE_TEMP;
	}
	memcpy(name, item, n + 1);
	return RESTANTE_OK;
}

static int start(
	const struct stack *s, const char *user, const struct pam_conv *conv, pam_handle_t **pam)
{
#ifdef HAVE_PAM_START_CONFDIR
	if (s->confdir[0] != '\0')
		return pam_start_confdir(s->service, user, conv, s->confdir, pam);
#endif
	return pam_start(s->service, user, conv, pam);
}

int pam_stack_run(const struct stack *s, const struct restante_request *req, const char *password,
	char name[STACK_NAME_MAX])
{
	struct answers a = {req->user, password};
	const struct pam_conv conv = {converse, &a};
	const char *step = "pam_start";
	pam_handle_t *pam = NULL;
	int code = start(s, req->user, &conv, &pam), result;

	if (code != PAM_SUCCESS) {
		s->host->log(s->host->c, LOG_ERR, "service %s: cannot be started", s->service);
		return RESTANTE_TEMP;
	}
	code = all_steps(s, pam, req, password, &step);
	result = judge(s, pam, req->user, step, code);
	if (result == RESTANTE_OK)
		result = take_name(s, pam, name);
	(void)pam_end(pam, code);
	return result;
}
