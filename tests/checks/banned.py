#!/usr/bin/env python3
"""Time, randomness, files, sockets, threads and the environment come only through env; this finds what goes around it."""
import re
import sys

from tree import ROOT, cpp_files, report, without_comments_and_strings

# Where the real world is allowed: the one implementation of env that talks to it.
REAL = "src/env/real/"

_CALLS = ("open openat creat close read write pread pwrite readv writev preadv pwritev fsync fdatasync sync_file_range "
          "ftruncate fallocate posix_fallocate lseek unlink rename renameat mkdir rmdir opendir readdir fstat "
          "socket bind listen accept accept4 connect send sendto sendmsg recv recvfrom recvmsg shutdown setsockopt "
          "getsockopt epoll_create1 epoll_ctl epoll_wait poll select mmap munmap madvise fork execve execvp kill "
          "signal sigaction getrlimit setrlimit").split()

BANNED = {
    "a thread": r"\bstd::(jthread|thread|async|this_thread|packaged_task)\b|\bpthread_\w+|\bstd::promise\b",
    "a lock": r"\bstd::(mutex|shared_mutex|recursive_mutex|timed_mutex|condition_variable\w*|lock_guard|unique_lock|"
              r"scoped_lock|shared_lock|call_once|once_flag|counting_semaphore|binary_semaphore|latch|barrier)\b"
              r"|\babsl::\w*(Mutex|CondVar)\w*",
    "a clock": r"\b(system|steady|high_resolution|utc)_clock\b|\bclock_gettime\b|\bgettimeofday\b|\btime\s*\(\s*(nullptr|NULL|0|&)"
               r"|\blocaltime(_r)?\b|\b__rdtsc\b",
    "a sleep": r"\b(usleep|nanosleep)\b",
    "randomness": r"\bstd::(random_device|mt19937\w*|default_random_engine|uniform_int_distribution)\b|\bs?rand\s*\(\s*\)?"
                  r"|\barc4random\w*|\bgetrandom\b|\bgetentropy\b|\bRAND_(priv_)?bytes\b|\babsl::(BitGen|InsecureBitGen)\b",
    "a file": r"\bstd::(filesystem|i?o?fstream|filebuf)\b|\bf(open|read|write|close|seek|tell|sync)\s*\(|\bstd::remove\s*\("
              r"|#\s*include\s*<(fstream|filesystem|fcntl\.h|unistd\.h|sys/\w+\.h|netinet/\w+\.h|netdb\.h)>",
    "a system call": r"(?<![\w:.>])::(" + "|".join(_CALLS) + r")\s*\(|\bsyscall\s*\(",
    "the environment": r"\b(std::)?(secure_)?getenv\b|\b(un)?setenv\b|\benviron\b",
    "a shell": r"\bpopen\s*\(|\bstd::system\s*\(",
    "standard output": r"\bstd::(cout|cerr|clog|cin)\b|(?<![\w:.])(std::)?(printf|puts|fprintf|fputs|putchar|getchar)\s*\(|\bfmt::print\w*\s*\(",
}
_PATTERNS = {what: re.compile(pattern) for what, pattern in BANNED.items()}

# (file or folder, what) -> why it may. Each is a place that cannot be simulated, or need not be.
EXCEPTIONS = {
    ("src/cli/", "standard output"): "a command line prints",
    ("src/base/assert.cc", "standard output"): "a broken invariant is named on standard error just before the process ends",
    ("src/base/log.cc", "a file"): "the sink of last resort, standard error, before the logger of env is there",
    ("src/net/tls/tls_certificate.cc", "randomness"): "OpenSSL makes the key out of its own randomness anyway",
}


def allowed(path, what):
    if path.startswith(REAL):
        return True
    return any(path.startswith(place) and what == kind for place, kind in EXCEPTIONS)


def problems_of(path, text):
    code = without_comments_and_strings(text)
    for what, pattern in _PATTERNS.items():
        if allowed(path, what):
            continue
        for match in pattern.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: {what} outside {REAL}: {match.group(0).strip()}"


def violations(root=ROOT):
    found = []
    for path in cpp_files(root, "src"):
        found += problems_of(path.as_posix(), (root / path).read_text())
    return found


if __name__ == "__main__":
    sys.exit(report("banned", violations()))
