/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into 64-bit mode with all memory that matters mapped one to one.
 *
 * The first vCPU begins at _start, 32-bit, flat, paging off: that is how Xen
 * starts a PVH guest, and how the KVM side sets its vCPU up.  The others begin
 * 16 bytes further with their number in EAX and use the same page tables.
 */
#define GIBS		24
#define STACK_SHIFT	14

	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	_start

	.section .text.start, "ax", @progbits
	.code32
	.globl	_start
_start:
	jmp	first
	.org	16
	jmp	enter			/* EAX: number of the vCPU */

first:
	cli
	cld
	/* Pages of 2 MiB. */
	mov	$page_dirs, %edi
	mov	$0x83, %eax
	xor	%edx, %edx
	mov	$(GIBS * 512), %ecx
1:	mov	%eax, (%edi)
	mov	%edx, 4(%edi)
	add	$0x200000, %eax
	adc	$0, %edx
	add	$8, %edi
	dec	%ecx
	jnz	1b

	mov	$page_dir_ptrs, %edi
	mov	$(page_dirs + 3), %eax
	mov	$GIBS, %ecx
2:	mov	%eax, (%edi)
	add	$4096, %eax
	add	$8, %edi
	dec	%ecx
	jnz	2b

	movl	$(page_dir_ptrs + 3), page_top
	xor	%eax, %eax

enter:
	mov	%eax, %esi
	lgdt	gdt_pointer
	mov	$0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	mov	%eax, %cr4
	mov	$page_top, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: long mode */
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	$0x80010013, %eax	/* PG, WP, ET, MP, PE */
	mov	%eax, %cr0
	ljmp	$8, $wide

	.code64
wide:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%esi, %edi
	lea	1(%rsi), %eax
	shl	$STACK_SHIFT, %eax
	add	$stacks, %eax
	mov	%rax, %rsp
	call	payload_main
3:	hlt
	jmp	3b

	.section .rodata, "a", @progbits
	.align	16
gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* code, 64 bits */
	.quad	0x00cf93000000ffff	/* data */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.bss
	.align	4096
page_top:
	.skip	4096
page_dir_ptrs:
	.skip	4096
page_dirs:
	.skip	GIBS * 4096
stacks:
	.skip	8 << STACK_SHIFT

	.section .note.GNU-stack, "", @progbits
