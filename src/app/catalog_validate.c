/* SPDX-License-Identifier: Apache-2.0
 * fairway catalog validate: tells what the catalog would refuse, for editors and CI. */
#include "app/app.h"
#include "app/catalog_files.h"
#include "app/cli.h"

static Rc take_arguments(CatalogFiles *files, CliArgs *args, int argc, char **argv, Error *err)
{
    for (int at = 0; at < argc;) {
        bool taken = false;
        if (argv[at][0] == '-' && argv[at][1]) {
            TRY(cli_args_take_option(args, argc, argv, &at, &taken, err));
            if (!taken) {
                return error_set(err, RC_INVALID, "there is no option %s", argv[at]);
            }
        } else {
            TRY(catalog_files_add(files, argv[at++], err));
        }
    }
    if (args->output == CLI_YAML || args->output == CLI_NAME) {
        return error_set(err, RC_INVALID, "--output is table or json here");
    }
    return catalog_files_count(files)
               ? RC_OK
               : error_set(err, RC_INVALID,
                           "name a file, a folder, a glob, or - for standard input");
}

int catalog_validate_command(int argc, char **argv)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    CatalogFiles *files = NULL;
    CliArgs args;
    Error err = {0};
    cli_args_init(&args, arena);
    Rc rc = catalog_files_new(arena, &files, &err);
    if (rc == RC_OK) {
        rc = take_arguments(files, &args, argc, argv, &err);
    }
    if (rc != RC_OK) {
        app_print_error("catalog validate", &err);
        catalog_files_free(files);
        return rc == RC_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_USAGE;
    }
    size_t problems = catalog_files_check(files);
    if (args.output == CLI_JSON) {
        catalog_files_print_json(files, stdout);
    } else {
        catalog_files_print(files, args.quiet, stdout);
    }
    catalog_files_free(files);
    return problems ? EXIT_FAILED : EXIT_OK;
}
