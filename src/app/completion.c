/* SPDX-License-Identifier: Apache-2.0
 * fairway completion SHELL: small scripts that ask `fairway __complete WORDS…` for the words that
 * may come next, so that what they offer is always what this program takes. */
#include "app/app.h"
#include "app/cli.h"
#include "platform/settings/settings.h"

static const char bash_script[] =
    "# bash completion of fairway\n"
    "_fairway() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]}\n"
    "    local IFS=$'\\n'\n"
    "    COMPREPLY=($(compgen -W \"$(fairway __complete \"${COMP_WORDS[@]:1:COMP_CWORD-1}\" "
    "2>/dev/null | cut -f1)\" -- \"$current\"))\n"
    "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$current\"))\n"
    "}\n"
    "complete -o filenames -F _fairway fairway\n";

static const char zsh_script[] =
    "#compdef fairway\n"
    "_fairway() {\n"
    "    local -a found\n"
    "    local line\n"
    "    while IFS= read -r line; do\n"
    "        found+=(\"${${line//:/\\\\:}/$'\\t'/:}\")\n"
    "    done < <(fairway __complete \"${(@)words[2,CURRENT-1]}\" 2>/dev/null)\n"
    "    if (( ${#found} )); then _describe 'fairway' found; else _files; fi\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _fairway ]; then _fairway \"$@\"; else compdef _fairway fairway; "
    "fi\n";

static const char fish_script[] = "# fish completion of fairway\n"
                                  "function __fairway_complete\n"
                                  "    set -l words (commandline -opc)\n"
                                  "    fairway __complete $words[2..-1] 2>/dev/null\n"
                                  "end\n"
                                  "complete -c fairway -a '(__fairway_complete)'\n";

int completion_command(int argc, char **argv)
{
    static const struct {
        const char *name, *script;
    } shells[] = {
        {"bash", bash_script},
        {"zsh",  zsh_script },
        {"fish", fish_script}
    };
    for (size_t i = 0; argc == 1 && i < ARRAY_LEN(shells); i++) {
        if (strcmp(argv[0], shells[i].name) == 0) {
            fputs(shells[i].script, stdout);
            return EXIT_OK;
        }
    }
    fprintf(stderr, "fairway: completion needs one of bash, zsh, fish\n");
    return EXIT_USAGE;
}

/* ---- candidates: "word" or "word<TAB>description", one a line */

static void offer(Str word, Str description)
{
    size_t end = str_find_char(description, '\n');
    description = str_sub(description, 0, end);
    if (description.len) {
        printf("%.*s\t%.*s\n", STR_ARG(word), STR_ARG(description));
    } else {
        printf("%.*s\n", STR_ARG(word));
    }
}

static bool continues(Str name, Str words)
{
    return name.len > words.len && str_starts(name, words) &&
           (words.len == 0 || name.ptr[words.len] == ' ');
}

static Str next_word(Str name, Str words)
{
    Str rest = words.len ? str_from_index(name, words.len + 1) : name;
    return str_sub(rest, 0, str_find_char(rest, ' '));
}

/* Each next word once, with what it leads to when that is one command. */
static void offer_words(Cli *cli, Str words)
{
    CliStrs seen = {.arena = cli->arena};
    for (size_t i = 0; i < app_n_commands + cli->n_operations; i++) {
        bool is_own = i < app_n_commands;
        const CliOperation *operation = is_own ? NULL : &cli->operations[i - app_n_commands];
        Str name = is_own ? str_from(app_commands[i].name) : operation->words;
        bool hidden = is_own ? app_commands[i].hidden : operation->hidden;
        if (hidden || !continues(name, words)) {
            continue;
        }
        Str word = next_word(name, words);
        bool known = false;
        for (size_t s = 0; s < seen.n; s++) {
            known = known || str_eq(seen.at[s], word);
        }
        if (!known) {
            bool is_last = name.len == words.len + word.len + (words.len ? 1 : 0);
            Str summary = is_own ? str_from(app_commands[i].summary) : operation->op->summary;
            offer(word, is_last ? summary : STR_EMPTY);
            VEC_PUSH(&seen, word);
        }
    }
}

static void offer_choices(Str choices)
{
    Str choice;
    while (choices.len && str_split(&choices, ' ', &choice)) {
        offer(choice, STR_EMPTY);
    }
}

static void offer_enum(const Json *schema)
{
    const Json *values = json_get_c(schema, "enum");
    values = values ? values : json_path(schema, "items", "enum", NULL);
    for (uint32_t i = 0; json_is(values, JSON_ARRAY) && i < values->n; i++) {
        offer(json_str(values->items[i]), STR_EMPTY);
    }
    if (str_is(json_str_at(schema, "type"), "boolean")) {
        offer_choices(STR("true false"));
    }
}

/* Values of the flag that stands before the cursor. True when it takes one. */
static bool offer_values(const CliOperation *operation, Str flag)
{
    for (size_t i = 0; i < cli_n_options; i++) {
        const CliOption *o = &cli_options[i];
        if (str_is(flag, o->flag) || (o->letter && str_is(flag, o->letter))) {
            offer_choices(str_from(o->choices));
            return o->value != NULL;
        }
    }
    const CliFlag *found = str_starts(flag, STR("--")) ? cli_flag_find(operation, flag) : NULL;
    if (!found || (str_is(found->type, "boolean") && !found->repeated)) {
        return false;
    }
    offer_enum(found->schema);
    return true;
}

static void offer_flags(const CliOperation *operation)
{
    for (size_t i = operation->n_positional; i < operation->n_flags; i++) {
        offer(operation->flags[i].flag, operation->flags[i].description);
    }
    for (size_t i = 0; i < cli_n_options; i++) {
        offer(str_from(cli_options[i].flag), str_from(cli_options[i].help));
    }
}

/* Values of the setting whose flag stands before the cursor. True when it takes one: where there
 * are no words to offer, the shell offers files. */
static bool offer_setting_values(const char *last)
{
    for (size_t i = 0; i < settings_table_n; i++) {
        const SettingDef *def = &settings_table[i];
        if (def->flag && strcmp(last, def->flag) == 0 && def->type != SETTING_BOOL) {
            offer_choices(str_from(def->choices));
            return true;
        }
    }
    return strcmp(last, "--config") == 0;
}

static void offer_command(const Command *command, const char *last)
{
    if (strcmp(command->name, "completion") == 0 && !last) {
        offer_choices(STR("bash zsh fish"));
    }
    if (command->settings == SETTINGS_NONE || (last && offer_setting_values(last))) {
        return;
    }
    for (const CommandOption *o = command->options; o && o->flag; o++) {
        offer(str_from(o->flag), str_from(o->help));
    }
    for (size_t i = 0; i < settings_table_n; i++) {
        if (app_command_tells(command, &settings_table[i])) {
            offer(str_from(settings_table[i].flag), str_from(settings_table[i].help));
        }
    }
    offer(STR("--config"), STR("Settings from a file"));
}

static Str join_words(Arena *arena, int n, char **words)
{
    Str joined = STR_EMPTY;
    for (int i = 0; i < n; i++) {
        joined = str_fmt(arena, "%.*s%s%s", STR_ARG(joined), joined.len ? " " : "", words[i]);
    }
    return joined;
}

static void complete(Cli *cli, int argc, char **argv)
{
    const CliOperation *operation = NULL;
    Str words = STR_EMPTY;
    size_t command;
    int own = app_find_command(argc, argv, &command);
    if (own > 0 && strcmp(app_commands[command].name, "help") == 0) {
        offer_words(cli, join_words(cli->arena, argc - own, argv + own));
        return;
    }
    if (own > 0) {
        offer_command(&app_commands[command], argc > own ? argv[argc - 1] : NULL);
        return;
    }
    for (int i = 0; i < argc && argv[i][0] != '-'; i++) {
        Str longer = str_fmt(cli->arena, "%.*s%s%s", STR_ARG(words), words.len ? " " : "", argv[i]);
        bool fits = false;
        for (size_t o = 0; o < cli->n_operations; o++) {
            bool same = str_eq(cli->operations[o].words, longer);
            operation = same ? &cli->operations[o] : operation;
            fits = fits || same || continues(cli->operations[o].words, longer);
        }
        for (size_t c = 0; c < app_n_commands; c++) {
            fits = fits || continues(str_from(app_commands[c].name), longer);
        }
        if (!fits) {
            break;
        }
        words = longer;
    }
    if (operation && !(argc > 0 && offer_values(operation, str_from(argv[argc - 1])))) {
        offer_flags(operation);
    }
    if (!operation || str_eq(operation->words, words)) {
        offer_words(cli, words);
    }
}

int complete_command(int argc, char **argv)
{
    Cli *cli;
    Error err = {0};
    if (cli_new(&cli, &err) != RC_OK) {
        return EXIT_FAILED; /* a shell is asking: nobody would read why */
    }
    complete(cli, argc, argv);
    cli_free(cli);
    return EXIT_OK;
}
