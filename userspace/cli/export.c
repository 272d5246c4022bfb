// SPDX-License-Identifier: MIT
/*
 * xen-gpumem export: a guest's pages as a dma-buf, for a command to use, to be
 * written to a file, or just to be there.
 *
 * The descriptor that it works with is made for this one export and stays here;
 * a command gets the dma-buf and nothing else.  At the end the memory is taken
 * back from whoever was given the dma-buf meanwhile, so that the guest is sure
 * to have its pages again: or it is told who stands in the way.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "cli.h"

/* As many as 64 GiB have. */
#define REFS_MAX	(1U << 24)

struct export {
	uint16_t domid;
	uint64_t generation;
	const char *refs_name;
	uint32_t *refs;
	uint32_t nr_refs;
	struct xen_gpumem_frames *frames;
	uint32_t nr_frames;
	uint32_t flags;
	const char *output;
	int file;			/* what that is */
	bool json;
	char **command;
	int node, fd, dmabuf;
	uint32_t id;
	uint64_t bytes;
};

static volatile sig_atomic_t stop;
static volatile sig_atomic_t child;

static void on_signal(int sig)
{
	stop = 1;
	if (child)
		kill(child, sig);
}

/* --- which pages ----------------------------------------------------------- */

static int no_memory(void)
{
	return fail("no memory for the list of pages");
}

/* Grown at powers of two. */
static void *grow(void *array, uint32_t nr, size_t size)
{
	return nr & (nr - 1) ? array : realloc(array, (nr ? 2ULL * nr : 1) *
					       size);
}

static int add_ref(struct export *e, const char *text)
{
	/* A list with leading zeroes is no list of octal numbers. */
	bool hex = !strncmp(text, "0x", 2);
	unsigned long long n;
	uint32_t *refs;
	char *end;

	errno = 0;
	n = strtoull(text, &end, hex ? 16 : 10);
	if (!isdigit((unsigned char)*text) || *end || errno || n > UINT32_MAX)
		return bad("%s: grant references are numbers with blanks between, not '%s'",
			   e->refs_name, text);
	if (e->nr_refs == REFS_MAX)
		return bad("%s has more than %u grant references",
			   e->refs_name, REFS_MAX);
	refs = grow(e->refs, e->nr_refs, sizeof(*refs));
	if (!refs)
		return no_memory();
	e->refs = refs;
	refs[e->nr_refs++] = n;
	return 0;
}

static bool separates(int c)
{
	return c == ',' || isspace(c);
}

/* The next word.  Return: whether there is one; what is too long is cut */
static bool next_word(FILE *f, char *word, size_t size)
{
	size_t len = 0;
	int c;

	do {
		c = getc(f);
	} while (c != EOF && separates(c));
	for (; c != EOF && !separates(c); c = getc(f))
		if (len < size - 1)
			word[len++] = c ? c : '?';
	word[len] = '\0';
	return len;
}

static int read_refs(struct export *e)
{
	bool is_input = !strcmp(e->refs_name, "-");
	FILE *f = is_input ? stdin : fopen(e->refs_name, "re");
	char word[40], shown[64];
	int ret = 0, err;

	if (!f)
		return bad("%s: %s", e->refs_name, strerror(errno));
	errno = 0;
	while (!ret && next_word(f, word, sizeof(word)))
		ret = add_ref(e, plain(shown, word));
	/* A word may have been read since. */
	err = ferror(f) ? (errno ? errno : EIO) : 0;
	if (!is_input)
		fclose(f);
	if (!ret && err)
		return bad("%s: %s", e->refs_name, strerror(err));
	if (!ret && !e->nr_refs)
		return bad("%s: there is no grant reference in it",
			   e->refs_name);
	e->bytes = e->nr_refs * PAGE;
	return ret;
}

static int add_frames(struct export *e, const char *text)
{
	struct xen_gpumem_frames *frames;
	struct xen_gpumem_range range;

	if (parse_range(text, XEN_GPUMEM_RIGHT_EXPORT_FRAMES, &range))
		return BAD_INPUT;
	if (e->nr_frames == XEN_GPUMEM_MAX_FRAMES)
		return bad("there can be %u ranges of addresses",
			   XEN_GPUMEM_MAX_FRAMES);
	frames = grow(e->frames, e->nr_frames, sizeof(*frames));
	if (!frames)
		return no_memory();
	e->frames = frames;
	frames[e->nr_frames++] = (struct xen_gpumem_frames){
		.gpa = range.first, .length = range.length,
	};
	e->bytes += range.length;
	return 0;
}

/* RANGE,RANGE... */
static int parse_frames(struct export *e, char *text)
{
	char *range, *rest = NULL;
	int ret = 0;

	for (range = strtok_r(text, ",", &rest); range && !ret;
	     range = strtok_r(NULL, ",", &rest))
		ret = add_frames(e, range);
	return ret;
}

/* --- the export ------------------------------------------------------------ */

static int open_guest(struct export *e)
{
	const struct xgm_limits limits = {
		.size = sizeof(limits), .max_exports = 1,
		.rights = e->refs ? XEN_GPUMEM_RIGHT_EXPORT_GRANTS :
				    XEN_GPUMEM_RIGHT_EXPORT_FRAMES,
	};
	const struct xgm_attempt attempt = {
		.size = sizeof(attempt), .call = XGM_CALL_DOMAIN_OPEN,
		.domid = e->domid, .limits = &limits,
	};
	char doing[64];

	e->node = xgm_node_open();
	if (e->node < 0)
		return fail(XGM_NODE ": %s",
			    xgm_strerror(XGM_CALL_NODE_OPEN, e->node));
	e->fd = xgm_domain_open(e->node, e->domid, &limits, &e->generation);
	if (e->fd >= 0)
		return 0;
	snprintf(doing, sizeof(doing), "cannot export pages of domain %u",
		 e->domid);
	return fail_call(doing, -1, &attempt, e->fd);
}

static int make(struct export *e)
{
	struct xgm_attempt a = {
		.size = sizeof(a), .flags = e->flags, .refs = e->refs,
		.frames = e->frames,
	};
	char name[DMA_BUF_NAME_LEN];

	if (e->refs) {
		a.call = XGM_CALL_EXPORT_GRANTS;
		a.count = e->nr_refs;
		e->dmabuf = xgm_export_grants(e->fd, e->refs, e->nr_refs,
					      e->flags, &e->id, &a.failed);
	} else {
		a.call = XGM_CALL_EXPORT_FRAMES;
		a.count = e->nr_frames;
		e->dmabuf = xgm_export_frames(e->fd, e->frames, e->nr_frames,
					      e->flags, &e->id, &a.failed);
	}
	if (e->dmabuf < 0)
		return fail_call("no export", e->fd, &a, e->dmabuf);
	/* For those who look who holds it: list, or the kernel's bufinfo. */
	snprintf(name, sizeof(name), "domain %u, export %u", e->domid, e->id);
	ioctl(e->dmabuf, DMA_BUF_SET_NAME, name);
	return 0;
}

/* Whoever has the dma-buf: they lose it, or are why the guest's pages stay. */
static int give_back(struct export *e)
{
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_EXPORT_REVOKE,
		.id = e->id,
	};
	int ret;

	close(e->dmabuf);
	ret = xgm_export_revoke(e->fd, e->id);
	/* We were the last one. */
	if (!ret || ret == -ENOENT)
		return 0;
	return fail_call("the guest gets its pages back when the last user of the dma-buf is gone",
			 e->fd, &a, ret);
}

/* --- what is done with it -------------------------------------------------- */

static void tell(const struct export *e)
{
	struct json j = { .out = stdout };
	char size[16];

	if (e->json) {
		json_begin(&j, NULL, '{');
		json_number(&j, "domain", e->domid);
		json_number(&j, "generation", e->generation);
		json_number(&j, "export", e->id);
		json_number(&j, "bytes", e->bytes);
		json_bool(&j, "readonly",
			  e->flags & XEN_GPUMEM_EXPORT_READONLY);
		json_bool(&j, "revocable",
			  e->flags & XEN_GPUMEM_EXPORT_REVOCABLE);
		json_number(&j, "pid", getpid());
		json_number(&j, "fd", e->dmabuf);
		if (e->output)
			json_string(&j, "output", e->output);
		else
			json_null(&j, "output");
		json_end(&j, '}');
		return;
	}
	human(size, e->bytes);
	if (e->output)
		printf("%s of domain %u written to %s\n", size, e->domid,
		       e->output);
	else
		printf("%s of domain %u are a dma-buf, fd %d of process %d (Ctrl-C ends it)\n",
		       size, e->domid, e->dmabuf, getpid());
	fflush(stdout);
}

/* What is there already stays until there is something to put in its place. */
static int open_output(struct export *e)
{
	if (!e->output)
		return 0;
	if (!strcmp(e->output, "-")) {
		if (e->json)
			return bad("export: the contents and --json cannot both go to the output");
		e->file = STDOUT_FILENO;
		return 0;
	}
	/* A guest's memory is nobody else's business. */
	e->file = open(e->output, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (e->file < 0)
		return bad("%s: %s", e->output, strerror(errno));
	return 0;
}

static int copy_out(struct export *e, const char *p)
{
	uint64_t done = 0;
	ssize_t n;

	/* A pipe or a device has no length. */
	if (e->file != STDOUT_FILENO && ftruncate(e->file, 0) &&
	    errno != EINVAL)
		return fail("%s: %s", e->output, strerror(errno));
	while (done < e->bytes) {
		n = write(e->file, p + done, e->bytes - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail("%s: %s", e->output, strerror(errno));
		done += n;
	}
	if (e->file != STDOUT_FILENO && close(e->file))
		return fail("%s: %s", e->output, strerror(errno));
	return 0;
}

/* The contents are read between a start and an end, as of any dma-buf. */
static void sync_reading(struct export *e, uint64_t when)
{
	struct dma_buf_sync sync = { .flags = when | DMA_BUF_SYNC_READ };

	while (ioctl(e->dmabuf, DMA_BUF_IOCTL_SYNC, &sync) &&
	       (errno == EINTR || errno == EAGAIN))
		;
}

static int dump(struct export *e)
{
	char *p;
	int ret;

	p = mmap(NULL, e->bytes, PROT_READ, MAP_SHARED, e->dmabuf, 0);
	if (p == MAP_FAILED && errno == EOPNOTSUPP)
		return fail("programs cannot read pages of guests here: this is a PV domain, and not dom0 (a device can)");
	if (p == MAP_FAILED)
		return fail("mapping the dma-buf: %s", strerror(errno));
	sync_reading(e, DMA_BUF_SYNC_START);
	ret = copy_out(e, p);
	sync_reading(e, DMA_BUF_SYNC_END);
	munmap(p, e->bytes);
	if (!ret && e->file != STDOUT_FILENO)
		tell(e);
	return ret;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	/* A terminal sends it to the command as well. */
	if (child)
		action.sa_handler = SIG_IGN;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGQUIT, &action, NULL);
}

/*
 * A descriptor that only exports is not told of the guest's end; one that could
 * lend is.  Not every guest can be lent to: -1 then.
 */
static int open_events(struct export *e)
{
	const struct xgm_limits limits = {
		.size = sizeof(limits), .rights = XEN_GPUMEM_RIGHT_LEND,
		.generation = e->generation,
	};
	int fd = xgm_domain_open(e->node, e->domid, &limits, NULL);

	return fd < 0 ? -1 : fd;
}

/* Until a signal comes, or the guest has gone. */
static int hold(struct export *e)
{
	struct xen_gpumem_event event;
	int fd = open_events(e), ret;

	catch_signals();
	tell(e);
	while (!stop) {
		if (fd < 0) {
			sleep(1);
			continue;
		}
		/* Wakes up now and then: a signal may have come before. */
		ret = xgm_event_get(fd, &event, sizeof(event), 500);
		if (!ret || (ret > 0 && event.type == XEN_GPUMEM_EVENT_GONE)) {
			if (!e->json)
				puts("the guest is gone");
			break;
		}
		if (ret < 0 && ret != -ETIMEDOUT && ret != -EINTR)
			return fail("events: %s",
				    xgm_strerror(XGM_CALL_EVENT_READ, ret));
	}
	return 0;
}

/* In the process that becomes the command. */
static void become(struct export *e)
{
	char number[16];
	int err;

	if (fcntl(e->dmabuf, F_SETFD, 0))
		_exit(fail("fd %d: %s", e->dmabuf, strerror(errno)));
	snprintf(number, sizeof(number), "%d", e->dmabuf);
	setenv(XGM_ENV_DMABUF, number, 1);
	snprintf(number, sizeof(number), "%u", e->domid);
	setenv("XEN_GPUMEM_DOMID", number, 1);
	execvp(e->command[0], e->command);
	err = errno;
	if (err == ENOENT)
		_exit(bad("there is no command '%s'", e->command[0]));
	_exit(fail("%s: %s", e->command[0], strerror(err)));
}

/* Return: the command's exit status, 128 + signal if one ended it */
static int run(struct export *e)
{
	int status;

	/* It prints what it likes; only what was asked for is put before. */
	if (e->json)
		tell(e);
	fflush(NULL);
	child = fork();
	if (child < 0) {
		child = 0;
		return fail("no process for the command: %s", strerror(errno));
	}
	if (!child)
		become(e);
	catch_signals();
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return fail("the command: %s", strerror(errno));
	child = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	       128 + WTERMSIG(status);
}

static int export(struct export *e)
{
	int ret, back;

	ret = e->refs_name ? read_refs(e) : 0;
	if (!ret)
		ret = open_output(e);
	if (!ret)
		ret = open_guest(e);
	if (!ret)
		ret = make(e);
	if (ret)
		return ret;
	if (e->output)
		ret = dump(e);
	if (!ret && e->command)
		ret = run(e);
	else if (!ret && !e->output)
		ret = hold(e);
	back = give_back(e);
	return ret ? ret : back;
}

/* --- what was asked for ---------------------------------------------------- */

#define SHORT	"+:g:f:rxo:j"

static const struct option options[] = {
	{ "refs", required_argument, NULL, 'g' },
	{ "frames", required_argument, NULL, 'f' },
	{ "readonly", no_argument, NULL, 'r' },
	{ "revocable", no_argument, NULL, 'x' },
	{ "output", required_argument, NULL, 'o' },
	{ "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 },
};

static int parse_option(struct export *e, int opt, char **argv)
{
	switch (opt) {
	case 'g':
		if (e->refs_name)
			return bad("export: --refs can be given once");
		e->refs_name = optarg;
		return 0;
	case 'f':
		return parse_frames(e, optarg);
	case 'r':
		e->flags |= XEN_GPUMEM_EXPORT_READONLY;
		return 0;
	case 'x':
		e->flags |= XEN_GPUMEM_EXPORT_REVOCABLE;
		return 0;
	case 'o':
		e->output = optarg;
		return 0;
	case 'j':
		e->json = true;
		return 0;
	default:
		return bad_option(argv, opt);
	}
}

static int parse_options(struct export *e, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, SHORT, options, NULL)) != -1)
		if (parse_option(e, opt, argv))
			return BAD_INPUT;
	return 0;
}

static int export_main(int argc, char **argv)
{
	struct export e = { .file = -1 };

	/* Options may stand before the guest, and after it. */
	if (parse_options(&e, argc, argv))
		return BAD_INPUT;
	if (optind >= argc || !strcmp(argv[optind - 1], "--"))
		return want_arguments(argc, argv[0], argc - optind + 1);
	if (parse_domid(argv[optind++], &e.domid))
		return BAD_INPUT;
	if (optind < argc && argv[optind][0] == '-' &&
	    parse_options(&e, argc, argv))
		return BAD_INPUT;
	if (optind < argc) {
		if (strcmp(argv[optind - 1], "--"))
			return bad("export: what is '%s'? A command comes after --",
				   argv[optind]);
		e.command = argv + optind;
	} else if (!strcmp(argv[argc - 1], "--")) {
		return bad("export: a command is missing after --");
	}
	if (!e.refs_name == !e.nr_frames)
		return bad("export: pages are named by --refs, or by --frames (xen-gpumem help export)");
	return export(&e);
}

const struct command export_command = {
	"export", "DOMID --refs FILE|--frames RANGE [OPTION...] [-- COMMAND...]",
	"a guest's pages as a dma-buf, for a command or into a file",
	"Without --output and COMMAND the dma-buf is held until interrupted, or until\n"
	"the guest is gone, if it is one that can be lent to.  COMMAND finds the\n"
	"number of its descriptor in XEN_GPUMEM_DMABUF.  At the end the guest gets its\n"
	"pages back, whoever has the dma-buf by then.\n\n"
	"  -g, --refs FILE       pages that the guest has granted to this domain: FILE\n"
	"                        has the references, with blanks between; - is the input\n"
	"  -f, --frames GPA+BYTES    pages at these addresses: the guest is not asked.\n"
	"                        Several with commas, or by several such options\n"
	"  -r, --readonly        nobody on the host writes\n"
	"  -x, --revocable       only for importers that let go when told to\n"
	"  -o, --output FILE     write the contents there; - is the output\n"
	"  -j, --json            one line about the export, for programs\n",
	export_main,
};
