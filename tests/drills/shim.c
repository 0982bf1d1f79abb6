/* Preloaded into a program to make its file system fail on demand.
 *
 * Every system call below DRILL_UNDER that changes files is trapped (by seccomp, so that calls from
 * inside the C library are seen too), numbered from 1, and, at number DRILL_AT, treated as
 * DRILL_MODE says:
 *
 *     die       the process ends before the call, nothing is flushed
 *     partial   a write writes half of its bytes, then the process ends; other calls: as die
 *     after     the call is made, then the process ends
 *     fail      the call returns the error DRILL_ERROR (a number), once
 *     fail_on   so does every call from this one on
 *     short     a write writes half of its bytes and says so, as a write may
 *     corrupt   a write writes one bit wrongly
 *     stop      the process is stopped (SIGSTOP) before the call
 *     stop_on   and so it is before every call from this one on
 *
 * DRILL_CALLS ("fsync rename") restricts numbering and treatment to these calls; read, pread and
 * close take part only where it names them. DRILL_FILE restricts them to paths that contain this
 * text, DRILL_EXCEPT to those that contain none of these words. DRILL_LOG names a file that gets a
 * line "number call path" for each.
 *
 * What the program executes inherits the filter but not its exception: it must execute nothing.
 *
 * DRILL_CLOCK shifts the wall clock by so many seconds; with DRILL_CLOCK_STEP every further reading
 * of it is shifted by that much more.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* The one system call instruction that the filter lets through. */
long drill_call(long number, long a, long b, long c, long d, long e, long f);
extern char drill_call_end[];
#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
__asm__(".text\n.globl drill_call, drill_call_end\n.type drill_call, @function\ndrill_call:\n"
        "mov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\nmov %rcx, %rdx\nmov %r8, %r10\n"
        "mov %r9, %r8\nmov 8(%rsp), %r9\nsyscall\ndrill_call_end:\nret\n");
static void arguments_of(const ucontext_t *context, long *a) {
  const greg_t *r = context->uc_mcontext.gregs;
  a[0] = r[REG_RDI], a[1] = r[REG_RSI], a[2] = r[REG_RDX];
  a[3] = r[REG_R10], a[4] = r[REG_R8], a[5] = r[REG_R9];
}
static void set_result(ucontext_t *context, long result) {
  context->uc_mcontext.gregs[REG_RAX] = result;
}
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
__asm__(".text\n.globl drill_call, drill_call_end\n.type drill_call, %function\ndrill_call:\n"
        "mov x8, x0\nmov x0, x1\nmov x1, x2\nmov x2, x3\nmov x3, x4\nmov x4, x5\nmov x5, x6\n"
        "svc #0\ndrill_call_end:\nret\n");
static void arguments_of(const ucontext_t *context, long *a) {
  for (int i = 0; i < 6; ++i) a[i] = (long)context->uc_mcontext.regs[i];
}
static void set_result(ucontext_t *context, long result) {
  context->uc_mcontext.regs[0] = (unsigned long)result;
}
#else
#error "the drills know x86_64 and aarch64"
#endif

enum Kind { by_path, by_path_at, by_descriptor, by_two_paths, by_two_paths_at };
static const struct Trapped {
  int number;
  const char *name;
  enum Kind kind;
  int is_write;
  int flags; /* the argument that has to make or empty a file (O_CREAT and so on); 0: none */
  int rare;  /* takes part only where DRILL_CALLS names it */
} kTrapped[] = {
    {SYS_write, "write", by_descriptor, 1, 0, 0},
    {SYS_pwrite64, "pwrite", by_descriptor, 1, 0, 0},
    {SYS_writev, "writev", by_descriptor, 0, 0, 0},
    {SYS_pwritev, "pwritev", by_descriptor, 0, 0, 0},
    {SYS_fsync, "fsync", by_descriptor, 0, 0, 0},
    {SYS_fdatasync, "fdatasync", by_descriptor, 0, 0, 0},
    {SYS_ftruncate, "ftruncate", by_descriptor, 0, 0, 0},
    {SYS_fallocate, "fallocate", by_descriptor, 0, 0, 0},
    {SYS_openat, "open", by_path_at, 0, 2, 0},
    {SYS_mkdirat, "mkdir", by_path_at, 0, 0, 0},
    {SYS_unlinkat, "unlink", by_path_at, 0, 0, 0},
    {SYS_renameat2, "rename", by_two_paths_at, 0, 0, 0},
    {SYS_linkat, "link", by_two_paths_at, 0, 0, 0},
    {SYS_symlinkat, "symlink", by_path_at, 0, 0, 0},
    {SYS_truncate, "truncate", by_path, 0, 0, 0},
    {SYS_read, "read", by_descriptor, 0, 0, 1},
    {SYS_pread64, "pread", by_descriptor, 0, 0, 1},
    {SYS_close, "close", by_descriptor, 0, 0, 1},
#ifdef SYS_renameat
    {SYS_renameat, "rename", by_two_paths_at, 0, 0, 0},
#endif
#ifdef SYS_open
    {SYS_open, "open", by_path, 0, 1, 0},
    {SYS_creat, "open", by_path, 0, 0, 0},
    {SYS_mkdir, "mkdir", by_path, 0, 0, 0},
    {SYS_unlink, "unlink", by_path, 0, 0, 0},
    {SYS_rmdir, "rmdir", by_path, 0, 0, 0},
    {SYS_rename, "rename", by_two_paths, 0, 0, 0},
    {SYS_link, "link", by_two_paths, 0, 0, 0},
#endif
};
enum { kCount = sizeof kTrapped / sizeof kTrapped[0] };

static const char *under, *mode, *calls, *only_file, *except;
static long at, error = EIO;
static int log_descriptor = -1;
static long calls_so_far;

static long now_call(const long *a, long number) {
  return drill_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void leave(void) {
  drill_call(SYS_exit_group, 137, 0, 0, 0, 0, 0);
}

/* The path that a call is about. */
static void path_of(const struct Trapped *call, const long *a, char *path, size_t size) {
  path[0] = 0;
  if (call->kind == by_descriptor) {
    char link[40] = "/proc/self/fd/";
    char digits[20];
    int n = 0;
    long d = a[0];
    do digits[n++] = (char)('0' + d % 10);
    while ((d /= 10) > 0);
    char *end = link + strlen(link);
    while (n > 0) *end++ = digits[--n];
    *end = 0;
    const long got =
        drill_call(SYS_readlinkat, AT_FDCWD, (long)link, (long)path, (long)size - 1, 0, 0);
    path[got > 0 ? got : 0] = 0;
    return;
  }
  /* Of two paths the new one: what comes into being. */
  const int which = call->kind == by_path          ? 0
                    : call->kind == by_path_at     ? 1
                    : call->kind == by_two_paths   ? 1
                                                   : 3;
  strncpy(path, (const char *)a[which], size - 1);
  path[size - 1] = 0;
}

static void note(long number, const char *name, const char *path) {
  if (log_descriptor < 0) return;
  char line[700];
  const int size = snprintf(line, sizeof line, "%ld %s %s\n", number, name, path);
  drill_call(SYS_write, log_descriptor, (long)line, size, 0, 0, 0);
}

/* Whether DRILL_CALLS lets this call take part. */
static int takes_part(const struct Trapped *call) {
  if (!calls) return !call->rare;
  const size_t size = strlen(call->name);
  for (const char *word = calls; (word = strstr(word, call->name)); word += size) {
    const int begins = word == calls || word[-1] == ' ';
    if (begins && (word[size] == 0 || word[size] == ' ')) return 1;
  }
  return 0;
}

static int is_excepted(const char *path) {
  char word[64];
  for (const char *next = except; next && *next;) {
    const size_t size = strcspn(next, " ");
    if (size > 0 && size < sizeof word) {
      memcpy(word, next, size);
      word[size] = 0;
      if (strstr(path, word)) return 1;
    }
    next += size + (next[size] == ' ');
  }
  return 0;
}

static int is(const char *word) { return strcmp(mode, word) == 0; }

static long write_part(const struct Trapped *call, const long *a, long bytes) {
  long b[6];
  memcpy(b, a, sizeof b);
  b[2] = bytes;
  return now_call(b, call->number);
}

static long write_wrongly(const struct Trapped *call, const long *a) {
  static char copy[1 << 20];
  long b[6];
  memcpy(b, a, sizeof b);
  if (b[2] > (long)sizeof copy) b[2] = sizeof copy;
  memcpy(copy, (const void *)a[1], (size_t)b[2]);
  copy[b[2] / 2] ^= 0x10;
  b[1] = (long)copy;
  return now_call(b, call->number);
}

static long treated(const struct Trapped *call, const long *a) {
  if (is("die")) leave();
  if (is("partial")) {
    if (call->is_write && a[2] > 1) write_part(call, a, a[2] / 2);
    leave();
  }
  if (is("after")) {
    now_call(a, call->number);
    leave();
  }
  if (is("fail") || is("fail_on")) {
    if (call->number == SYS_close) now_call(a, call->number); /* as the kernel does */
    return -error;
  }
  if (is("short") && call->is_write && a[2] > 1) return write_part(call, a, a[2] / 2);
  if (is("corrupt") && call->is_write && a[2] > 0) return write_wrongly(call, a);
  if (is("stop") || is("stop_on")) {
    drill_call(SYS_kill, drill_call(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGSTOP, 0, 0, 0, 0);
  }
  return now_call(a, call->number);
}

static void on_trap(int signal, siginfo_t *info, void *context) {
  (void)signal;
  long a[6];
  arguments_of(context, a);
  const struct Trapped *call = NULL;
  for (int i = 0; i < kCount && !call; ++i) {
    if (kTrapped[i].number == info->si_syscall) call = &kTrapped[i];
  }
  if (!call) leave();
  char path[512];
  path_of(call, a, path, sizeof path);
  if (strncmp(path, under, strlen(under)) != 0 || !takes_part(call) ||
      (only_file && !strstr(path, only_file)) || is_excepted(path)) {
    set_result(context, now_call(a, info->si_syscall));
    return;
  }
  const long number = __atomic_add_fetch(&calls_so_far, 1, __ATOMIC_SEQ_CST);
  note(number, call->name, path);
  const int on = is("fail_on") || is("stop_on");
  const int hit = number == at || (on && at > 0 && number > at);
  set_result(context, hit ? treated(call, a) : now_call(a, call->number));
}

static void install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
  sigaction(SIGSYS, &action, NULL);

  struct sock_filter code[16 + 4 * kCount];
  unsigned n = 0;
  const uint64_t end = (uint64_t)(uintptr_t)drill_call_end;
#define OP(...) code[n++] = (struct sock_filter)__VA_ARGS__
  const unsigned short load = BPF_LD | BPF_W | BPF_ABS, equal = BPF_JMP | BPF_JEQ | BPF_K,
                       set = BPF_JMP | BPF_JSET | BPF_K, give = BPF_RET | BPF_K;
  OP(BPF_STMT(load, offsetof(struct seccomp_data, arch)));
  OP(BPF_JUMP(equal, ARCHITECTURE, 1, 0));
  OP(BPF_STMT(give, SECCOMP_RET_ALLOW));
  OP(BPF_STMT(load, offsetof(struct seccomp_data, instruction_pointer)));
  OP(BPF_JUMP(equal, (uint32_t)end, 0, 3));
  OP(BPF_STMT(load, offsetof(struct seccomp_data, instruction_pointer) + 4));
  OP(BPF_JUMP(equal, (uint32_t)(end >> 32), 0, 1));
  OP(BPF_STMT(give, SECCOMP_RET_ALLOW));
  OP(BPF_STMT(load, offsetof(struct seccomp_data, nr)));
  for (int i = 0; i < kCount; ++i) {
    const struct Trapped *call = &kTrapped[i];
    if (!takes_part(call)) continue;
    if (call->flags == 0) {
      OP(BPF_JUMP(equal, (uint32_t)call->number, 0, 1));
      OP(BPF_STMT(give, SECCOMP_RET_TRAP));
    } else {
      OP(BPF_JUMP(equal, (uint32_t)call->number, 0, 4));
      OP(BPF_STMT(load, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)call->flags)));
      OP(BPF_JUMP(set, O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY), 0, 1));
      OP(BPF_STMT(give, SECCOMP_RET_TRAP));
      OP(BPF_STMT(give, SECCOMP_RET_ALLOW));
    }
  }
  OP(BPF_STMT(give, SECCOMP_RET_ALLOW));
  const struct sock_fprog program = {(unsigned short)n, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    fprintf(stderr, "shim: no system calls can be trapped here: %s\n", strerror(errno));
    _exit(77);
  }
}

__attribute__((constructor)) static void begin(void) {
  under = getenv("DRILL_UNDER");
  if (!under) return;
  mode = getenv("DRILL_MODE");
  if (!mode) mode = "count";
  calls = getenv("DRILL_CALLS");
  only_file = getenv("DRILL_FILE");
  except = getenv("DRILL_EXCEPT");
  if (getenv("DRILL_AT")) at = atol(getenv("DRILL_AT"));
  if (getenv("DRILL_ERROR")) error = atol(getenv("DRILL_ERROR"));
  const char *log = getenv("DRILL_LOG");
  if (log) log_descriptor = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0666);
  install();
}

/* The wall clock is read without a system call: its functions are replaced. */

static int64_t shift(void) {
  static int64_t readings;
  static int known;
  static int64_t base, step;
  if (!known) {
    const char *a = getenv("DRILL_CLOCK"), *b = getenv("DRILL_CLOCK_STEP");
    base = a ? atoll(a) : 0;
    step = b ? atoll(b) : 0;
    known = 1;
  }
  return base + step * __atomic_fetch_add(&readings, 1, __ATOMIC_SEQ_CST);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  const long result = drill_call(SYS_clock_gettime, clock, (long)time, 0, 0, 0, 0);
  if (result < 0) {
    errno = (int)-result;
    return -1;
  }
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) time->tv_sec += shift();
  return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *place) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (place) *place = now.tv_sec;
  return now.tv_sec;
}
