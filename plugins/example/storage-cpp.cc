// storage-cpp - one message that greets its reader: what a storage in C++ looks like.
//
//	c++ $(pkg-config --cflags restante) -shared -fPIC -fvisibility=hidden storage-cpp.cc -o
//storage-cpp.so
//
// C++11 and later. Three things are different from C. The entry is constant data, so it is
// initialized member by member, in the header's order, and not by a function that runs when the
// object is loaded. No exception leaves a call: guarded() makes a result of it. And new memory is
// the plugin's own, so close() deletes what open() made.
#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <syslog.h>
#include <restante/plugin.h>

namespace
{

class Mailbox
{
      public:
	Mailbox(const restante_host &host, const restante_user &user)
	    : text("Subject: Welcome\n\n" + std::string(host.str(host.c, "greeting")) + ", " +
		      user.name + "!\n")
	{
		uint32_t state = 0;

		octets = uint64_t(host.measure(host.c, text.data(), text.size(), &state));
		octets += uint64_t(host.measure(host.c, nullptr, 0, &state));
	}

	std::string text;
	uint64_t octets = 0;
	size_t at = 0; // of the body that is read
};

template <class F> int guarded(const restante_host &host, F f) noexcept
{
	try {
		return f();
	} catch (const std::exception &e) {
		host.log(host.c, LOG_ERR, "%s", e.what());
		return RESTANTE_TEMP;
	}
}

int open_mailbox(const restante_host *host, const restante_user *user, uint32_t mode, void **st)
{
	if (mode != RESTANTE_SESSION && mode != RESTANTE_MAINTAIN)
		return RESTANTE_PERM;
	return guarded(*host, [=] {
		*st = new Mailbox(*host, *user);
		return int(RESTANTE_OK);
	});
}

void close_mailbox(void *st)
{
	delete static_cast<Mailbox *>(st);
}

int list(void *st, int (*each)(void *, const restante_message *), void *arg)
{
	restante_message m = restante_message();

	m.size = sizeof(m);
	m.key = 1;
	m.octets = static_cast<Mailbox *>(st)->octets;
	m.uid = "welcome";
	return each(arg, &m);
}

int64_t read(void *body, void *buf, size_t n)
{
	Mailbox *m = static_cast<Mailbox *>(body);

	n = std::min(n, m->text.size() - m->at);
	std::memcpy(buf, m->text.data() + m->at, n);
	m->at += n;
	return int64_t(n);
}

int body(void *st, uint64_t key, restante_body *out)
{
	Mailbox *m = static_cast<Mailbox *>(st);

	if (key != 1)
		return RESTANTE_GONE;
	m->at = 0;
	out->octets = m->octets;
	out->b = m;
	out->read = read;
	return RESTANTE_OK;
}

int remove(void *, const uint64_t *, size_t n)
{
	return n == 0 ? RESTANTE_OK : RESTANTE_PERM;
}

const restante_setting settings[] = {
	{"greeting", RESTANTE_STRING, RESTANTE_PER_USER, "Welcome", "how users are greeted",
		"1..64"},
};

const restante_storage storage = {sizeof(restante_storage), 0, open_mailbox, close_mailbox, list,
	body, remove, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};

} // namespace

RESTANTE_PLUGIN(storage_cpp) = {RESTANTE_MAGIC, sizeof(restante_plugin), 0,
	sizeof(restante_setting), 0, sizeof(settings) / sizeof(settings[0]), "storage-cpp", "1",
	"one message that greets its reader", settings, &storage, nullptr, nullptr, nullptr};
