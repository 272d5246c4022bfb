/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From where Xen starts a PVH guest to C: see bare.c.
 *
 * Begins in 32-bit mode without paging, with interrupts off, as they stay.
 * Addresses up to 4 GiB are mapped to themselves with large pages; bare.c adds
 * the arena.
 */
#define CODE	0x08
#define DATA	0x10

#define PRESENT_WRITABLE 3
#define LARGE	0x80

	.section .note, "a", @note
	.balign 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	cld
	mov $pml4, %edi
	movl $pdpt + PRESENT_WRITABLE, (%edi)
	mov $pdpt, %edi
	mov $pd + PRESENT_WRITABLE, %eax
	mov $4, %ecx
1:	mov %eax, (%edi)
	add $8, %edi
	add $0x1000, %eax
	loop 1b
	mov $pd, %edi
	mov $PRESENT_WRITABLE | LARGE, %eax
	mov $4 * 512, %ecx
2:	mov %eax, (%edi)
	add $8, %edi
	add $0x200000, %eax
	loop 2b

	mov $0x20, %eax			/* CR4: physical address extension */
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: long mode */
	rdmsr
	bts $8, %eax
	wrmsr
	mov %cr0, %eax
	bts $31, %eax
	mov %eax, %cr0
	lgdt gdt_pointer
	ljmp $CODE, $first

	.code64
first:
	mov $stacks + 0x4000, %esp
	xor %edi, %edi
	jmp enter

/* Where bare.c lets the other vCPUs begin, in long mode, %edi their number. */
	.globl bare_other
bare_other:
	lgdt gdt_pointer
	push $CODE
	lea enter(%rip), %rax
	push %rax
	lretq
enter:
	mov $DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %ebp, %ebp
	call bare_main
3:	hlt
	jmp 3b

/* --- faults ---------------------------------------------------------------- */

/* One entry of 16 bytes for each vector. */
	.balign 16
	.globl bare_vectors
bare_vectors:
	.set vector, 0
	.rept 32
	.balign 16
	mov $vector, %edi
	jmp fault
	.set vector, vector + 1
	.endr

fault:
	cld
	mov %rsp, %rsi
	and $-16, %rsp
	call bare_fault

/* As setjmp() and longjmp(): what a call has to preserve, and where it was. */
	.globl bare_save
bare_save:
	mov (%rsp), %rax
	mov %rax, (%rdi)
	lea 8(%rsp), %rax
	mov %rax, 8(%rdi)
	mov %rbx, 16(%rdi)
	mov %rbp, 24(%rdi)
	mov %r12, 32(%rdi)
	mov %r13, 40(%rdi)
	mov %r14, 48(%rdi)
	mov %r15, 56(%rdi)
	xor %eax, %eax
	ret

	.globl bare_restore
bare_restore:
	mov 8(%rdi), %rsp
	mov 16(%rdi), %rbx
	mov 24(%rdi), %rbp
	mov 32(%rdi), %r12
	mov 40(%rdi), %r13
	mov 48(%rdi), %r14
	mov 56(%rdi), %r15
	mov $1, %eax
	jmp *(%rdi)

/* --- tables ---------------------------------------------------------------- */

	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* code, 64 bits */
	.quad 0x00cf93000000ffff	/* data */
gdt_pointer:
	.word . - gdt - 1
	.quad gdt

	.bss
	.balign 0x1000
	.globl pml4, pdpt, stacks
pml4:	.skip 0x1000
pdpt:	.skip 0x1000
pd:	.skip 4 * 0x1000
stacks:	.skip 8 * 0x4000		/* XG_MAX_CPUS */

	.section .note.GNU-stack, "", @progbits
