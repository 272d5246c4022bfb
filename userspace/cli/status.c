// SPDX-License-Identifier: MIT
/*
 * xen-gpumem status: does it work here, and if not, what is missing?
 *
 * From the bottom up: Xen, its ability to lend, the module, the device node,
 * debugfs.  What is missing comes with a remedy; what is above it is then not
 * looked at, as it cannot be there.  That guests' pages cannot be exported, or
 * nothing be granted to them, is told, but nothing is missing for lending then.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hyper.h"
#include "observe.h"

#define MODULE		"/sys/module/xen_gpumem"
#define PROBLEMS	8

struct problem {
	const char *what;
	const char *remedy;
};

struct status {
	bool xen;
	char xen_version[80];
	bool dom0, pv;
	int lend;			/* of hyper_lend(); 1: not asked */
	bool module, node;
	char srcversion[64];
	int node_err, info_err;
	struct xen_gpumem_info info;
	bool debugfs;
	struct problem problems[PROBLEMS];
	size_t nr_problems;
};

/* First line of a small file; an empty string if there is none. */
static const char *line_of(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");

	text[0] = '\0';
	if (!f)
		return text;
	if (!fgets(text, size, f))
		text[0] = '\0';
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void problem(struct status *s, const char *what, const char *remedy)
{
	if (s->nr_problems < PROBLEMS)
		s->problems[s->nr_problems++] =
			(struct problem){ what, remedy };
}

/* --- looking --------------------------------------------------------------- */

static void look_at_xen(struct status *s)
{
	char major[16], minor[16], extra[32], text[80];

	s->xen = !strcmp(line_of("/sys/hypervisor/type", text, sizeof(text)),
			 "xen");
	if (!s->xen)
		return;
	line_of("/sys/hypervisor/version/major", major, sizeof(major));
	line_of("/sys/hypervisor/version/minor", minor, sizeof(minor));
	line_of("/sys/hypervisor/version/extra", extra, sizeof(extra));
	snprintf(s->xen_version, sizeof(s->xen_version), "%s.%s%s", major,
		 minor, extra);
	s->pv = !strcmp(line_of("/sys/hypervisor/guest_type", text,
				sizeof(text)), "PV");
	s->dom0 = strstr(line_of("/proc/xen/capabilities", text, sizeof(text)),
			 "control_d");
}

static void look_at_module(struct status *s)
{
	int node;

	s->module = !access(MODULE, F_OK);
	line_of(MODULE "/srcversion", s->srcversion, sizeof(s->srcversion));
	node = xgm_node_open();
	s->node = node >= 0;
	s->node_err = node < 0 ? -node : 0;
	s->info_err = -1;
	if (node < 0)
		return;
	s->info_err = -xgm_info(node, &s->info, sizeof(s->info));
	close(node);
}

static bool is_mock(const struct status *s)
{
	return !s->info_err && (s->info.out_features & XEN_GPUMEM_FEAT_MOCK);
}

/* Whose pages can be had as dma-bufs?  As the driver decides it. */
static bool exports_grants(const struct status *s)
{
	return !s->info_err && (s->info.out_features & XEN_GPUMEM_FEAT_EXPORT);
}

static bool exports_frames(const struct status *s)
{
	return exports_grants(s) && (!s->pv || s->dom0);
}

/* And can theirs be dma-bufs of the host's? */
static bool grants(const struct status *s)
{
	return !s->info_err && (s->info.out_features & XEN_GPUMEM_FEAT_GRANT);
}

static void judge_hypervisor(struct status *s)
{
	if (!s->xen && !is_mock(s))
		problem(s, "this kernel does not run on Xen",
			"boot Xen, with lend=on on its command line, and this kernel under it");
	else if (s->lend == -ENOSYS)
		problem(s, "this Xen does not know of lending",
			"install a Xen with the patches (hypervisor/)");
	else if (s->lend == -EOPNOTSUPP)
		problem(s, "this Xen does not lend",
			"add lend=on to Xen's command line and boot it (on Intel: lend=on,ept); it also needs a build with CONFIG_MEM_LEND=y");
}

static void judge_module(struct status *s)
{
	if (!s->module)
		problem(s, "the module xen-gpumem is not loaded",
			"modprobe xen-gpumem; what it finds wrong is in the kernel's log");
	else if (s->node_err == EACCES || s->node_err == EPERM)
		problem(s, "the device node cannot be opened by this user",
			"sudo xen-gpumem status");
	else if (!s->node)
		problem(s, "there is no device node " XGM_NODE,
			"mount devtmpfs on /dev, or let udev make the node");
	else if (s->info_err)
		problem(s, "the driver does not answer",
			"look at the kernel's log");
	else if (is_mock(s))
		problem(s, "the module runs on its mock hypervisor and serves no guest",
			"rmmod xen-gpumem, then modprobe it without mock=1");
	if (s->module && !s->debugfs)
		problem(s, "nothing can be observed: debugfs cannot be read",
			geteuid() ? "sudo xen-gpumem status" :
			"mount -t debugfs debugfs " DEBUGFS);
}

static void look(struct status *s)
{
	look_at_xen(s);
	look_at_module(s);
	s->debugfs = !access(DEBUGFS "/xen-gpumem/.", R_OK | X_OK);
	/* The driver would not be there without; else ask by hand. */
	s->lend = 1;
	if (s->xen && s->info_err)
		s->lend = hyper_lend();
	judge_hypervisor(s);
	/* Without that it cannot even be loaded. */
	if (!s->nr_problems)
		judge_module(s);
}

/* --- telling --------------------------------------------------------------- */

static const char *ability(const struct status *s)
{
	if (is_mock(s))
		return "mock: software in the module, for tests";
	if (!s->info_err)
		return "lends";
	if (s->lend == -ENOSYS)
		return "cannot lend: unknown operation";
	if (s->lend == -EOPNOTSUPP)
		return "does not lend: switched off, or not built in";
	if (!s->lend)
		return "lends";
	return "not known: it could not be asked";
}

static const char *exporting(const struct status *s)
{
	if (is_mock(s))
		return "no: the mock's guests have no pages of their own";
	if (!exports_grants(s))
		return "no: this driver does not know of it";
	if (!exports_frames(s))
		return "by grants; by frames only from dom0, or a PVH domain";
	if (s->pv)
		return "by grants; by frames for importers that allow peer2peer";
	return "by grants, by frames";
}

static const char *granting(const struct status *s)
{
	if (is_mock(s))
		return "no: the mock has no grants";
	if (!grants(s))
		return "no: this driver does not know of it";
	return "dma-bufs that can be held in system memory";
}

static void tell_text(const struct status *s)
{
	char features[128], size[16];

	printf("Xen          %s\n", s->xen ? s->xen_version : "no");
	if (s->xen && !s->dom0)
		printf("             this is not the control domain: it needs privilege over the guests\n");
	if (s->xen || is_mock(s))
		printf("hypervisor   %s\n", ability(s));
	printf("module       %s%s%s\n", s->module ? "loaded" : "not loaded",
	       s->srcversion[0] ? ", source version " : "", s->srcversion);
	if (s->node)
		printf("device node  " XGM_NODE "\n");
	if (!s->info_err) {
		xgm_features_format(s->info.out_features, features,
				    sizeof(features));
		printf("interface    %u, hypervisor's %u: %s\n",
		       s->info.out_abi, s->info.out_hv_version, features);
		printf("limits       %u window%s a guest, %s in them; %u binding%s a descriptor\n",
		       s->info.out_max_windows,
		       plural(s->info.out_max_windows),
		       human(size, s->info.out_max_window),
		       s->info.out_max_bindings,
		       plural(s->info.out_max_bindings));
		printf("export       %s\n", exporting(s));
		printf("grant        %s\n", granting(s));
	}
	for (size_t i = 0; i < s->nr_problems; i++)
		printf("\n! %s\n  -> %s\n", s->problems[i].what,
		       s->problems[i].remedy);
	printf("\nlending %s here\n",
	       s->nr_problems ? "does not work" : "works");
}

static void tell_driver(struct json *j, const struct status *s)
{
	char features[128];

	json_begin(j, "module", '{');
	json_bool(j, "loaded", s->module);
	json_string(j, "source_version", s->srcversion);
	json_bool(j, "node", s->node);
	json_bool(j, "debugfs", s->debugfs);
	if (!s->info_err) {
		xgm_features_format(s->info.out_features, features,
				    sizeof(features));
		json_number(j, "interface", s->info.out_abi);
		json_number(j, "hypervisor_interface",
			    s->info.out_hv_version);
		json_string(j, "features", features);
		json_number(j, "max_windows", s->info.out_max_windows);
		json_number(j, "max_bindings", s->info.out_max_bindings);
		json_number(j, "max_window_bytes", s->info.out_max_window);
		json_bool(j, "exports_grants", exports_grants(s));
		json_bool(j, "exports_frames", exports_frames(s));
		json_bool(j, "grants", grants(s));
	}
	json_end(j, '}');
}

static void tell_json(const struct status *s)
{
	struct json j = { .out = stdout };

	json_begin(&j, NULL, '{');
	json_bool(&j, "works", !s->nr_problems);
	json_begin(&j, "xen", '{');
	json_bool(&j, "running", s->xen);
	json_string(&j, "version", s->xen_version);
	json_bool(&j, "control_domain", s->dom0);
	json_string(&j, "lending", ability(s));
	json_end(&j, '}');
	json_bool(&j, "mock", is_mock(s));
	tell_driver(&j, s);
	json_begin(&j, "problems", '[');
	for (size_t i = 0; i < s->nr_problems; i++) {
		json_begin(&j, NULL, '{');
		json_string(&j, "what", s->problems[i].what);
		json_string(&j, "remedy", s->problems[i].remedy);
		json_end(&j, '}');
	}
	json_end(&j, ']');
	json_end(&j, '}');
}

static int status_main(int argc, char **argv)
{
	struct status s = { .xen = false };
	bool json;

	if (only_json(argc, argv, &json))
		return BAD_INPUT;
	look(&s);
	if (json)
		tell_json(&s);
	else
		tell_text(&s);
	return s.nr_problems ? FAILED : 0;
}

const struct command status_command = {
	"status", "[--json]", "does lending work here, and what is missing?",
	"Looks at Xen, the hypervisor's ability to lend, the module, its device\n"
	"node and debugfs.  What is missing is told with a remedy, and the exit\n"
	"status is 1 then.  Also: which pages of guests can be exported here, and\n"
	"what can be granted to them.\n",
	status_main,
};
