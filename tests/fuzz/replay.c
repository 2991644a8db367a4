/* Runs a fuzz target over files, one case each, as the unit programs print theirs (TAP). Without arguments these are
 * its seeds: $MTO_SOURCE/tests/fuzz/seeds/NAME, and those that came of published vectors,
 * $MTO_BUILD/obj/fuzz/vectors/NAME. Arguments are files, or folders of files, instead. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_SIZE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned cases;

static int run_file(const char *path)
{
    FILE       *file = fopen(path, "rb");
    struct stat about;
    uint8_t    *data;
    size_t      size;

    if (file == NULL || fstat(fileno(file), &about) != 0) {
        perror(path);
        return 0;
    }
    size = (size_t)about.st_size;
    data = malloc(size > 0 ? size : 1);
    if (data == NULL || fread(data, 1, size, file) != size) {
        perror(path);
        return 0;
    }
    (void)fclose(file);
    printf("# %s\n", path);
    (void)LLVMFuzzerTestOneInput(data, size);
    printf("ok %u - %s\n", ++cases, path);
    free(data);
    return 1;
}

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* All files of a folder, in the order of their names; optional: it need not be there. */
static int run_folder(const char *folder, int optional)
{
    struct dirent **entries;
    int             count = scandir(folder, &entries, is_name, alphasort), ok = 1, i;
    char            path[PATH_SIZE];

    if (count < 0) {
        if (!optional) {
            perror(folder);
        }
        return optional;
    }
    for (i = 0; i < count; i++) {
        ok =
            ok && snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < (int)sizeof path && run_file(path);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

static int run_argument(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && S_ISDIR(about.st_mode) ? run_folder(path, 0) : run_file(path);
}

/* The seeds of the target that the program is named after, fuzz_NAME. */
static int run_seeds(const char *program)
{
    const char *slash = strrchr(program, '/'), *source = getenv("MTO_SOURCE"), *build = getenv("MTO_BUILD");
    const char *name = strstr(slash != NULL ? slash : program, "fuzz_");
    char        path[PATH_SIZE];

    if (name == NULL || source == NULL || build == NULL) {
        (void)fprintf(stderr, "MTO_SOURCE and MTO_BUILD are not set: make fuzz-replay sets them\n");
        return 0;
    }
    name += sizeof "fuzz_" - 1;
    if (snprintf(path, sizeof path, "%s/tests/fuzz/seeds/%s", source, name) >= (int)sizeof path
        || !run_folder(path, 0)) {
        return 0;
    }
    return snprintf(path, sizeof path, "%s/obj/fuzz/vectors/%s", build, name) < (int)sizeof path && run_folder(path, 1);
}

int main(int argc, char *argv[])
{
    int i, ok;

    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* what is printed must be seen when a rule does not hold */
    ok = argc > 1 || run_seeds(argv[0]);
    for (i = 1; i < argc; i++) {
        ok = run_argument(argv[i]) && ok;
    }
    printf("1..%u\n", cases);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}
