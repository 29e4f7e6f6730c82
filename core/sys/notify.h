/* Telling systemd how the service is (sd_notify's protocol; nothing happens without NOTIFY_SOCKET).
 */
#ifndef SYS_NOTIFY_H
#define SYS_NOTIFY_H

/* status: one line for `systemctl status`, or NULL. */
void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *status);

#endif
