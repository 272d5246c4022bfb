// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device node, and the calls on it and on domain fds.
 *
 * /dev/xen/gpumem is the privilege: who can open it can make fds for any guest
 * that the hypervisor lets this domain lend to.  A domain fd has none but what
 * it was made with, and can be given away.
 *
 * Calls are dispatched by a table.  A structure comes with its size: it is
 * extended with zeroes or, where it is longer than what is known here, must
 * end in zeroes.  Each call checks its own fields; what can be said of all is
 * said here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "internal.h"

unsigned int gpumem_fault_around = 16;
module_param_named(fault_around, gpumem_fault_around, uint, 0644);
MODULE_PARM_DESC(fault_around,
		 "pages looked at with each fault, 1 (off) to 512 (default 16); more where faults come in order");

unsigned int gpumem_max_bindings = 65536;
module_param_named(max_bindings, gpumem_max_bindings, uint, 0644);
MODULE_PARM_DESC(max_bindings, "bindings of one domain fd (default 65536)");

unsigned int gpumem_max_binding_mib = 65536;
module_param_named(max_binding_mib, gpumem_max_binding_mib, uint, 0644);
MODULE_PARM_DESC(max_binding_mib,
		 "size of one binding in MiB (default 65536)");

const struct gpumem_hv_ops *gpumem_hv = &gpumem_hv_xen;

#ifdef CONFIG_XEN_GPUMEM_TEST
static bool gpumem_mock;
module_param_named(mock, gpumem_mock, bool, 0444);
MODULE_PARM_DESC(mock, "use the mock hypervisor, for tests");
#endif

/* @file is NULL on the node. */
static long gpumem_info(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_info *cmd = arg;
	struct gpumem_hv_info info = {};
	int ret;

	if (cmd->flags || cmd->__reserved)
		return -EINVAL;

	if (file) {
		info = file->ctx->info;
	} else {
		ret = gpumem_hv->query(-1, &info);
		if (ret)
			return ret;
	}

	cmd->out_abi = XEN_GPUMEM_ABI;
	cmd->out_hv_version = info.version;
	cmd->out_features = XEN_GPUMEM_FEAT_SOURCE_FD |
			    XEN_GPUMEM_FEAT_DERIVE | XEN_GPUMEM_FEAT_EVENTS;
	if (gpumem_hv->mock)
		cmd->out_features |= XEN_GPUMEM_FEAT_MOCK;
	if (gpumem_exports_ok())
		cmd->out_features |= XEN_GPUMEM_FEAT_EXPORT |
				     XEN_GPUMEM_FEAT_GRANT;
	cmd->out_rights = file ? file->rights : 0;
	cmd->out_max_windows = info.max_windows;
	cmd->out_max_bindings = READ_ONCE(gpumem_max_bindings);
	cmd->out_max_window = info.max_window << PAGE_SHIFT;
	cmd->out_gpa_end = file ? info.gfn_end << PAGE_SHIFT : 0;
	return 0;
}

/* Room for any of the structures. */
union gpumem_cmd {
	struct xen_gpumem_info info;
	struct xen_gpumem_open_domain open_domain;
	struct xen_gpumem_window_add window_add;
	struct xen_gpumem_window_remove window_remove;
	struct xen_gpumem_window_move window_move;
	struct xen_gpumem_bind bind;
	struct xen_gpumem_unbind unbind;
	struct xen_gpumem_populate populate;
	struct xen_gpumem_window_query window_query;
	struct xen_gpumem_derive derive;
	struct gpumem_export_call export_call;
	struct xen_gpumem_export_revoke export_revoke;
	struct xen_gpumem_export_query export_query;
	struct xen_gpumem_grant grant;
	struct xen_gpumem_grant_release grant_release;
};

/**
 * struct gpumem_call - a call on a domain fd
 * @cmd: its number
 * @size: of the structure as known here
 * @min_size: of its first version
 * @out: when the structure is written back
 * @execute: does it.  Return: an error, or not less than zero
 * @undo: undoes it, where the result could not be told; NULL: there is nothing
 * @finish: for calls that reserve a descriptor: puts its file there, or, where
 *	that could not be told, away
 */
struct gpumem_call {
	unsigned int cmd;
	u32 size;
	u32 min_size;
	enum { GPUMEM_OUT_NEVER, GPUMEM_OUT_DONE, GPUMEM_OUT_ALWAYS } out;
	long (*execute)(struct gpumem_file *file, void *arg);
	void (*undo)(struct gpumem_file *file, void *arg);
	void (*finish)(struct gpumem_file *file, void *arg, int fd, bool told);
};

#define GPUMEM_CALL(_cmd, _struct, _last, _out, _execute, ...)		\
	[_IOC_NR(_cmd)] = {						\
		.cmd = _cmd,						\
		.size = sizeof(struct _struct),				\
		.min_size = offsetofend(struct _struct, _last),		\
		.out = _out,						\
		.execute = _execute,					\
		__VA_ARGS__						\
	}

static const struct gpumem_call gpumem_calls[] = {
	GPUMEM_CALL(XEN_GPUMEM_INFO, xen_gpumem_info, out_gpa_end,
		    GPUMEM_OUT_DONE, gpumem_info),
	GPUMEM_CALL(XEN_GPUMEM_WINDOW_ADD, xen_gpumem_window_add, out_window,
		    GPUMEM_OUT_DONE, gpumem_window_add,
		    .undo = gpumem_window_add_undo),
	GPUMEM_CALL(XEN_GPUMEM_WINDOW_REMOVE, xen_gpumem_window_remove, window,
		    GPUMEM_OUT_NEVER, gpumem_window_remove),
	GPUMEM_CALL(XEN_GPUMEM_WINDOW_MOVE, xen_gpumem_window_move, gpa,
		    GPUMEM_OUT_NEVER, gpumem_window_move),
	GPUMEM_CALL(XEN_GPUMEM_BIND, xen_gpumem_bind, fd,
		    GPUMEM_OUT_NEVER, gpumem_bind),
	GPUMEM_CALL(XEN_GPUMEM_UNBIND, xen_gpumem_unbind, length,
		    GPUMEM_OUT_NEVER, gpumem_unbind),
	GPUMEM_CALL(XEN_GPUMEM_POPULATE, xen_gpumem_populate, out_done,
		    GPUMEM_OUT_ALWAYS, gpumem_populate),
	GPUMEM_CALL(XEN_GPUMEM_WINDOW_QUERY, xen_gpumem_window_query,
		    out_fault_ns_max, GPUMEM_OUT_DONE, gpumem_window_query),
	GPUMEM_CALL(XEN_GPUMEM_DERIVE, xen_gpumem_derive, max_export_bytes,
		    GPUMEM_OUT_NEVER, gpumem_derive),
	GPUMEM_CALL(XEN_GPUMEM_EXPORT_GRANTS, xen_gpumem_export_grants,
		    __reserved, GPUMEM_OUT_ALWAYS, gpumem_export_grants,
		    .finish = gpumem_export_finish),
	GPUMEM_CALL(XEN_GPUMEM_EXPORT_FRAMES, xen_gpumem_export_frames,
		    __reserved, GPUMEM_OUT_ALWAYS, gpumem_export_frames,
		    .finish = gpumem_export_finish),
	GPUMEM_CALL(XEN_GPUMEM_EXPORT_REVOKE, xen_gpumem_export_revoke, id,
		    GPUMEM_OUT_NEVER, gpumem_export_revoke),
	GPUMEM_CALL(XEN_GPUMEM_EXPORT_QUERY, xen_gpumem_export_query,
		    out_segments, GPUMEM_OUT_DONE, gpumem_export_query),
	GPUMEM_CALL(XEN_GPUMEM_GRANT, xen_gpumem_grant, out_id,
		    GPUMEM_OUT_ALWAYS, gpumem_grant,
		    .undo = gpumem_grant_undo),
	GPUMEM_CALL(XEN_GPUMEM_GRANT_RELEASE, xen_gpumem_grant_release,
		    out_left, GPUMEM_OUT_ALWAYS, gpumem_grant_release),
};

/* Fetch the structure of a call. */
static int gpumem_call_fetch(void *cmd, u32 size, u32 min_size,
			     void __user *arg)
{
	u32 user_size;
	int ret;

	if (get_user(user_size, (u32 __user *)arg))
		return -EFAULT;
	if (user_size < min_size)
		return -EINVAL;
	if (user_size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(cmd, size, arg, user_size);
	/* What was checked counts, even if it was changed in between. */
	*(u32 *)cmd = user_size;
	return ret;
}

static long gpumem_call(struct gpumem_file *file,
			const struct gpumem_call *call, void __user *arg)
{
	union gpumem_cmd buf;
	bool told;
	long ret;

	ret = gpumem_call_fetch(&buf, call->size, call->min_size, arg);
	if (ret)
		return ret;
	ret = call->execute(file, &buf);
	if (call->out == GPUMEM_OUT_NEVER ||
	    (ret < 0 && call->out == GPUMEM_OUT_DONE))
		return ret;
	told = !copy_to_user(arg, &buf, min(call->size, buf.info.size));
	if (call->finish && ret >= 0)
		call->finish(file, &buf, ret, told);
	if (call->undo && !ret && !told)
		call->undo(file, &buf);
	return told ? ret : -EFAULT;
}

static const struct gpumem_call *gpumem_call_find(unsigned int cmd)
{
	unsigned int nr = _IOC_NR(cmd);

	if (nr >= ARRAY_SIZE(gpumem_calls))
		return NULL;
	nr = array_index_nospec(nr, ARRAY_SIZE(gpumem_calls));
	return gpumem_calls[nr].cmd == cmd ? &gpumem_calls[nr] : NULL;
}

static long gpumem_file_ioctl(struct file *filp, unsigned int cmd,
			      unsigned long arg)
{
	const struct gpumem_call *call = gpumem_call_find(cmd);

	if (!call)
		return -ENOTTY;
	return gpumem_call(filp->private_data, call, (void __user *)arg);
}

/* Of the open file that a domain fd is. */
const struct file_operations gpumem_file_fops = {
	.owner = THIS_MODULE,
	.release = gpumem_file_release,
	.read = gpumem_file_read,
	.poll = gpumem_file_poll,
	.llseek = noop_llseek,
	.show_fdinfo = gpumem_file_show,
	.unlocked_ioctl = gpumem_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static long gpumem_node_ioctl(struct file *filp, unsigned int cmd,
			      unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	struct xen_gpumem_open_domain open;
	int ret;

	switch (cmd) {
	case XEN_GPUMEM_INFO:
		return gpumem_call(NULL, gpumem_call_find(cmd), uarg);
	case XEN_GPUMEM_OPEN_DOMAIN:
		ret = gpumem_call_fetch(&open, sizeof(open),
					offsetofend(typeof(open), __reserved1),
					uarg);
		return ret ?: gpumem_open_domain(&open, uarg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations gpumem_node_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.unlocked_ioctl = gpumem_node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice gpumem_node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "xen!gpumem",
	.fops = &gpumem_node_fops,
	.mode = 0600,
};

static int __init gpumem_init(void)
{
	int ret;

	/* Numbers in the interface are 4 KiB pages, whatever the kernel's. */
	static_assert(PAGE_SHIFT == 12);

#ifdef CONFIG_XEN_GPUMEM_TEST
	if (gpumem_mock)
		gpumem_hv = &gpumem_hv_mock;
#endif
	ret = gpumem_hv->init();
	if (ret)
		return ret;
	ret = gpumem_zero_init();
	if (ret)
		goto err_hv;
	ret = gpumem_domain_init();
	if (ret)
		goto err_zero;
	ret = gpumem_suspend_init();
	if (ret)
		goto err_domain;
	ret = gpumem_grants_init();
	if (ret)
		goto err_suspend;
	gpumem_exports_init();
	gpumem_show_init();
	ret = misc_register(&gpumem_node);
	if (ret)
		goto err_exports;
	return 0;

err_exports:
	gpumem_show_exit();
	gpumem_exports_exit();
	gpumem_grants_exit();
err_suspend:
	gpumem_suspend_exit();
err_domain:
	gpumem_domain_exit();
err_zero:
	gpumem_zero_exit();
err_hv:
	gpumem_hv->exit();
	return ret;
}

static void __exit gpumem_exit(void)
{
	misc_deregister(&gpumem_node);
	gpumem_show_exit();
	gpumem_exports_exit();
	gpumem_grants_exit();
	gpumem_suspend_exit();
	gpumem_domain_exit();
	gpumem_zero_exit();
	gpumem_hv->exit();
}

module_init(gpumem_init);
module_exit(gpumem_exit);

MODULE_DESCRIPTION("Lending of host memory to Xen guests");
MODULE_LICENSE("GPL");
