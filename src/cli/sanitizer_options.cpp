// What the sanitizers must know about this program; compiled in where it is built with one. Open MPI
// allocates memory that it never frees and runs threads that no sanitizer has watched: a rank without any
// fault of ours would end with an exit code other than 0, and its whole job with it. The leaks and races of
// our own code are looked for in the unit tests, whose programs do not link this.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }
