/* SPDX-License-Identifier: MIT */
#ifndef XEN_GPUMEM_HYPER_H
#define XEN_GPUMEM_HYPER_H

/*
 * Ask the hypervisor, without our module, whether it lends.
 *
 * Return: 0 it does; -ENOSYS it does not know of it; -EOPNOTSUPP it is switched
 * off or not built in; anything else: it could not be asked
 */
int hyper_lend(void);

#endif /* XEN_GPUMEM_HYPER_H */
