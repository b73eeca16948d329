/* SPDX-License-Identifier: Apache-2.0 */
/* The test's side of countersign-fault.so. Everything goes wrong loudly: the test stops. */
#include "control.h"

#include "module/counter.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 30000
#define POLL_MS 5

static char directory[256];

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

void control_use(const char *path)
{
    MUST(mkdir(path, 0700) == 0 || access(path, W_OK) == 0);
    snprintf(directory, sizeof(directory), "%s", path);
}

void control_begin(const char *folder)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/control", folder);
    control_use(path);
    setenv("COUNTERSIGN_FAULT_DIR", path, 1);
}

const char *control_directory(void)
{
    return directory;
}

static void path_of(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", directory, name);
}

static void replace(const char *name, const char *text)
{
    char path[512], fresh[512];
    FILE *file;

    path_of(path, sizeof(path), name);
    path_of(fresh, sizeof(fresh), "fresh");
    file = fopen(fresh, "we");
    MUST(file && fputs(text, file) >= 0 && fclose(file) == 0);
    MUST(rename(fresh, path) == 0);
}

void control_script(const char *format, ...)
{
    char text[16384];
    va_list args;

    va_start(args, format);
    MUST(vsnprintf(text, sizeof(text), format, args) < (int)sizeof(text));
    va_end(args);
    replace("script", text);
}

void control_type(unsigned long slot, const char *text)
{
    char name[32];

    snprintf(name, sizeof(name), "keypad-%lu", slot);
    replace(name, text);
}

char *control_log(void)
{
    char path[512];
    struct stat st;
    char *text;
    size_t len;
    int fd;

    path_of(path, sizeof(path), "log");
    fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    MUST(fd >= 0 && fstat(fd, &st) == 0);
    text = malloc((size_t)st.st_size + 1);
    MUST(text);
    len = (size_t)read(fd, text, (size_t)st.st_size);
    text[len <= (size_t)st.st_size ? len : 0] = '\0';
    close(fd);
    return text;
}

static int has_words(const char *line, const char *const *words)
{
    for (; *words; words++) {
        line = strstr(line, *words);
        if (!line)
            return 0;
        line += strlen(*words);
    }
    return 1;
}

static size_t count(const char *const *words)
{
    char *text = control_log();
    char *rest = NULL;
    size_t n = 0;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        n += (size_t)has_words(line, words);
    free(text);
    return n;
}

size_t control_count(const char *first, ...)
{
    const char *words[16] = {first};
    va_list args;

    va_start(args, first);
    for (size_t i = 0; words[i] && i < 14; i++)
        words[i + 1] = va_arg(args, const char *);
    va_end(args);
    return count(words);
}

void control_wait(size_t n, const char *word)
{
    const char *words[] = {word, NULL};
    const struct timespec nap = {.tv_nsec = POLL_MS * 1000000};

    for (int waited = 0; count(words) < n; waited += POLL_MS) {
        if (waited > PATIENCE_MS) {
            fprintf(stderr, "the log has not %zu lines with \"%s\"\n", n, word);
            abort();
        }
        nanosleep(&nap, NULL);
    }
}

void control_clear(void)
{
    char path[512];

    path_of(path, sizeof(path), "log");
    MUST(truncate(path, 0) == 0 || access(path, F_OK) < 0);
}

void control_forgive(void)
{
    char path[512];
    int fd;

    path_of(path, sizeof(path), "counters");
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    for (size_t i = 0; i < FAULT_TOKENS_MAX; i++) {
        static const uint32_t none[2];
        off_t tokens = offsetof(struct fault_counters, tokens);
        off_t place = tokens + (off_t)(i * sizeof(struct fault_tries));

        MUST(pwrite(fd, none, sizeof(none),
                 place + (off_t)offsetof(struct fault_tries, wrong_user)) == sizeof(none));
    }
    close(fd);
}
