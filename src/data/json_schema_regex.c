/* SPDX-License-Identifier: Apache-2.0
 * ECMA-262 regular expressions (unicode mode) under PCRE2.
 *
 * The pattern is read by the grammar of ECMA-262 section 22.2.1 and written anew in PCRE2's syntax,
 * so nothing that only PCRE2 knows - (*verbs), (?R), \K, inline options, possessive quantifiers -
 * gets through, and what differs in meaning is spelled out: `.`, \s, \cX, \uHHHH, \p{Letter}, `$`,
 * [] and [^], back-references to groups that took no part. Lenient where browsers are without the
 * unicode flag and no other reading exists: a lone `{`, `}` or `]`, and an escaped punctuation
 * character, stand for themselves. */
#include "base/utf8.h"

#include "data/json_schema_priv.h"

typedef struct Translator {
    Str in;
    size_t at;
    Buf *out;
    const char *why; /* first error */
    Str *names;      /* of group i + 1; empty when unnamed */
    size_t n_groups;
} Translator;

/* General categories: PCRE2 knows the short names only. */
static const struct {
    const char *name, *brief;
} categories[] = {
    {"Letter",                "L" },
    {"Cased_Letter",          "L&"},
    {"LC",                    "L&"},
    {"Uppercase_Letter",      "Lu"},
    {"Lowercase_Letter",      "Ll"},
    {"Titlecase_Letter",      "Lt"},
    {"Modifier_Letter",       "Lm"},
    {"Other_Letter",          "Lo"},
    {"Mark",                  "M" },
    {"Combining_Mark",        "M" },
    {"Nonspacing_Mark",       "Mn"},
    {"Spacing_Mark",          "Mc"},
    {"Enclosing_Mark",        "Me"},
    {"Number",                "N" },
    {"Decimal_Number",        "Nd"},
    {"digit",                 "Nd"},
    {"Letter_Number",         "Nl"},
    {"Other_Number",          "No"},
    {"Punctuation",           "P" },
    {"punct",                 "P" },
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation",      "Pd"},
    {"Open_Punctuation",      "Ps"},
    {"Close_Punctuation",     "Pe"},
    {"Initial_Punctuation",   "Pi"},
    {"Final_Punctuation",     "Pf"},
    {"Other_Punctuation",     "Po"},
    {"Symbol",                "S" },
    {"Math_Symbol",           "Sm"},
    {"Currency_Symbol",       "Sc"},
    {"Modifier_Symbol",       "Sk"},
    {"Other_Symbol",          "So"},
    {"Separator",             "Z" },
    {"Space_Separator",       "Zs"},
    {"Line_Separator",        "Zl"},
    {"Paragraph_Separator",   "Zp"},
    {"Other",                 "C" },
    {"Control",               "Cc"},
    {"cntrl",                 "Cc"},
    {"Format",                "Cf"},
    {"Surrogate",             "Cs"},
    {"Private_Use",           "Co"},
    {"Unassigned",            "Cn"},
};

/* WhiteSpace and LineTerminator of ECMA-262 section 12, and what is left. */
#define SPACE_MEMBERS                                                                              \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"           \
    "\\x{205f}\\x{3000}\\x{feff}"
#define NOT_SPACE_MEMBERS                                                                          \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"               \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"                 \
    "\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

static bool refuse(Translator *t, const char *why)
{
    if (t->why == NULL) {
        t->why = why;
    }
    return false;
}

static bool more(const Translator *t)
{
    return t->at < t->in.len;
}

static char peek(const Translator *t)
{
    return more(t) ? t->in.ptr[t->at] : '\0';
}

static bool looking_at(const Translator *t, const char *text)
{
    return str_starts(str_from_index(t->in, t->at), str_from(text));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static void write_code_point(Translator *t, uint32_t cp)
{
    if (cp < 0x80 && (is_digit((char)cp) || is_letter((char)cp))) {
        buf_char(t->out, (char)cp);
    } else {
        buf_fmt(t->out, "\\x{%x}", (unsigned)cp);
    }
}

/* The next code point of the pattern itself, which is known to be UTF-8. */
static uint32_t read_code_point(Translator *t)
{
    uint32_t cp = 0;
    t->at += utf8_decode(t->in.ptr + t->at, t->in.len - t->at, &cp);
    return cp;
}

/* Exactly n hexadecimal digits. */
static bool read_hex(Translator *t, unsigned n, uint32_t *ret)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < n; i++, t->at++) {
        int digit = hex_value(peek(t));
        if (digit < 0) {
            return refuse(t, "has an incomplete \\x or \\u escape");
        }
        v = v << 4 | (uint32_t)digit;
    }
    *ret = v;
    return true;
}

static bool read_braced_hex(Translator *t, uint32_t *ret)
{
    uint32_t v = 0;
    size_t start = ++t->at;
    for (; peek(t) != '}'; t->at++) {
        int digit = hex_value(peek(t));
        if (digit < 0 || v > 0x10ffff) {
            return refuse(t, "has a malformed \\u{...} escape");
        }
        v = v << 4 | (uint32_t)digit;
    }
    if (t->at == start || v > 0x10ffff) {
        return refuse(t, "has a malformed \\u{...} escape");
    }
    t->at++;
    *ret = v;
    return true;
}

/* After "\u": HHHH, a surrogate pair of two escapes, or {H...}. */
static bool read_unicode_escape(Translator *t, uint32_t *ret)
{
    uint32_t high;
    if (peek(t) == '{') {
        if (!read_braced_hex(t, &high)) {
            return false;
        }
    } else if (!read_hex(t, 4, &high)) {
        return false;
    }
    if (high >= 0xd800 && high < 0xdc00 && looking_at(t, "\\u")) {
        uint32_t low;
        t->at += 2;
        if (!read_hex(t, 4, &low)) {
            return false;
        }
        if (low >= 0xdc00 && low < 0xe000) {
            *ret = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return true;
        }
        high = 0xd800; /* falls into the refusal below */
    }
    if (high >= 0xd800 && high < 0xe000) {
        return refuse(t, "has a lone surrogate, which no text can contain");
    }
    *ret = high;
    return true;
}

/* An escape that stands for one character, `\` and its letter `c` already read. */
static bool read_char_escape(Translator *t, char c, uint32_t *ret)
{
    switch (c) {
    case 't':
        *ret = '\t';
        return true;
    case 'n':
        *ret = '\n';
        return true;
    case 'v':
        *ret = '\v';
        return true;
    case 'f':
        *ret = '\f';
        return true;
    case 'r':
        *ret = '\r';
        return true;
    case 'x':
        return read_hex(t, 2, ret);
    case 'u':
        return read_unicode_escape(t, ret);
    case 'c':
        if (!is_letter(peek(t))) {
            return refuse(t, "has \\c without a letter");
        }
        *ret = (uint32_t)t->in.ptr[t->at++] % 32;
        return true;
    case '0':
        *ret = 0;
        return is_digit(peek(t)) ? refuse(t, "has an octal escape") : true;
    default:
        if (is_letter(c) || is_digit(c) || c == '\0') {
            return refuse(t, "has an escape that ECMA-262 does not know");
        }
        t->at--;
        *ret = read_code_point(t);
        return true;
    }
}

static bool write_property(Translator *t, char letter)
{
    if (peek(t) != '{') {
        return refuse(t, "has \\p without {name}");
    }
    Str rest = str_from_index(t->in, t->at + 1);
    size_t end = str_find_char(rest, '}');
    if (end == SIZE_MAX || end == 0 || end > 60) {
        return refuse(t, "has a malformed \\p{...}");
    }
    Str name = str_sub(rest, 0, end);
    t->at += end + 2;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!is_letter(c) && !is_digit(c) && c != '_' && c != '=') {
            return refuse(t, "has a malformed \\p{...}");
        }
    }
    size_t equals = str_find_char(name, '=');
    if (equals != SIZE_MAX) {
        Str kind = str_sub(name, 0, equals);
        if (str_is(kind, "General_Category") || str_is(kind, "gc")) {
            name = str_from_index(name, equals + 1);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
        if (str_is(name, categories[i].name)) {
            name = str_from(categories[i].brief);
        }
    }
    buf_fmt(t->out, "\\%c{%.*s}", letter, STR_ARG(name));
    return true;
}

/* \d \D \w \W \s \S \p \P: PCRE2's \d and \w are ASCII without PCRE2_UCP, as ECMA wants. */
static bool write_class_escape(Translator *t, char c, bool in_class)
{
    switch (c) {
    case 's':
        buf_put(t->out, in_class ? STR(SPACE_MEMBERS) : STR("[" SPACE_MEMBERS "]"));
        return true;
    case 'S':
        buf_put(t->out, in_class ? STR(NOT_SPACE_MEMBERS) : STR("[^" SPACE_MEMBERS "]"));
        return true;
    case 'p':
    case 'P':
        return write_property(t, c);
    default:
        buf_char(t->out, '\\');
        buf_char(t->out, c);
        return true;
    }
}

static bool is_class_escape(char c)
{
    return c != '\0' && strchr("dDwWsSpP", c) != NULL;
}

/* One member of [...]; *ret_single tells whether it is one character and may bound a range. */
static bool read_class_member(Translator *t, uint32_t *ret, bool *ret_single)
{
    *ret_single = true;
    if (peek(t) != '\\') {
        *ret = read_code_point(t);
        return true;
    }
    t->at++;
    char c = peek(t);
    t->at++;
    if (is_class_escape(c)) {
        *ret_single = false;
        return write_class_escape(t, c, true);
    }
    if (c == 'b') {
        *ret = '\b';
        return true;
    }
    return read_char_escape(t, c, ret);
}

static bool write_class_members(Translator *t)
{
    while (more(t) && peek(t) != ']') {
        uint32_t low;
        uint32_t high;
        bool single;
        if (!read_class_member(t, &low, &single)) {
            return false;
        }
        if (!single) {
            continue;
        }
        write_code_point(t, low);
        size_t before = t->at;
        if (peek(t) != '-' || t->at + 1 >= t->in.len || t->in.ptr[t->at + 1] == ']') {
            continue;
        }
        t->at++;
        if (peek(t) == '\\' && t->at + 1 < t->in.len && is_class_escape(t->in.ptr[t->at + 1])) {
            t->at = before; /* [a-\d]: the hyphen is itself */
            continue;
        }
        if (!read_class_member(t, &high, &single)) {
            return false;
        }
        if (high < low) {
            return refuse(t, "has a character range out of order");
        }
        buf_char(t->out, '-');
        write_code_point(t, high);
    }
    return true;
}

static bool write_class(Translator *t)
{
    t->at++;
    bool negated = peek(t) == '^';
    t->at += negated ? 1 : 0;
    if (peek(t) == ']') { /* [] matches nothing, [^] anything; PCRE2 has no such forms */
        t->at++;
        buf_put(t->out, negated ? STR("[\\x{0}-\\x{10ffff}]") : STR("[^\\x{0}-\\x{10ffff}]"));
        return true;
    }
    buf_put(t->out, negated ? STR("[^") : STR("["));
    if (!write_class_members(t)) {
        return false;
    }
    if (peek(t) != ']') {
        return refuse(t, "has an unterminated character class");
    }
    t->at++;
    buf_char(t->out, ']');
    return true;
}

/* At '<' of (?<name> or \k<name>. */
static bool read_group_name(Translator *t, Str *ret)
{
    Str rest = str_from_index(t->in, t->at + 1);
    size_t end = str_find_char(rest, '>');
    if (peek(t) != '<' || end == SIZE_MAX || end == 0 || is_digit(rest.ptr[0])) {
        return refuse(t, "has a malformed group name");
    }
    *ret = str_sub(rest, 0, end);
    for (size_t i = 0; i < end; i++) {
        char c = ret->ptr[i];
        if (!is_letter(c) && !is_digit(c) && c != '_' && c != '$' && (unsigned char)c < 0x80) {
            return refuse(t, "has a malformed group name");
        }
    }
    t->at += end + 2;
    return true;
}

static bool write_back_reference(Translator *t, size_t group)
{
    if (group == 0 || group > t->n_groups) {
        return refuse(t, "refers to a group that it does not have");
    }
    buf_fmt(t->out, "\\g{%zu}", group);
    return true;
}

static bool write_named_reference(Translator *t)
{
    Str name;
    if (!read_group_name(t, &name)) {
        return false;
    }
    for (size_t i = 0; i < t->n_groups; i++) {
        if (t->names[i].len > 0 && str_eq(t->names[i], name)) {
            return write_back_reference(t, i + 1);
        }
    }
    return refuse(t, "refers to a group that it does not have");
}

/* *ret_atom: false for \b and \B, which take no quantifier. */
static bool write_escape(Translator *t, bool *ret_atom)
{
    t->at++;
    char c = peek(t);
    t->at++;
    *ret_atom = c != 'b' && c != 'B';
    if (!*ret_atom || is_class_escape(c)) {
        return write_class_escape(t, c, false);
    }
    if (c == 'k') {
        return write_named_reference(t);
    }
    if (c >= '1' && c <= '9') {
        size_t group = (size_t)(c - '0');
        for (; is_digit(peek(t)) && group <= SCHEMA_MAX_PATTERN_GROUPS; t->at++) {
            group = group * 10 + (size_t)(peek(t) - '0');
        }
        return write_back_reference(t, group);
    }
    uint32_t cp;
    if (!read_char_escape(t, c, &cp)) {
        return false;
    }
    write_code_point(t, cp);
    return true;
}

/* "{2}", "{2,}" or "{2,5}" at the position; its length, else 0. */
static size_t braces_length(const Translator *t)
{
    size_t i = t->at + 1;
    size_t start = i;
    while (i < t->in.len && is_digit(t->in.ptr[i])) {
        i++;
    }
    if (i == start) {
        return 0;
    }
    if (i < t->in.len && t->in.ptr[i] == ',') {
        i++;
        while (i < t->in.len && is_digit(t->in.ptr[i])) {
            i++;
        }
    }
    return i < t->in.len && t->in.ptr[i] == '}' ? i + 1 - t->at : 0;
}

static bool at_quantifier(const Translator *t)
{
    char c = peek(t);
    return c == '*' || c == '+' || c == '?' || (c == '{' && braces_length(t) > 0);
}

static bool write_quantifier(Translator *t)
{
    size_t n = peek(t) == '{' ? braces_length(t) : 1;
    buf_put(t->out, str_sub(t->in, t->at, t->at + n));
    t->at += n;
    if (peek(t) == '?') {
        buf_char(t->out, '?');
        t->at++;
    }
    return at_quantifier(t) ? refuse(t, "has nothing to repeat before a quantifier") : true;
}

static bool write_group_start(Translator *t)
{
    static const char *const kinds[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (looking_at(t, kinds[i])) {
            buf_put(t->out, str_from(kinds[i]));
            t->at += strlen(kinds[i]);
            return true;
        }
    }
    if (looking_at(t, "(?<")) {
        Str name;
        t->at += 2;
        if (!read_group_name(t, &name)) {
            return false;
        }
    } else if (looking_at(t, "(?")) {
        return refuse(t, "has a group of a kind that ECMA-262 does not know");
    } else {
        t->at++;
    }
    buf_char(t->out, '(');
    return true;
}

/* One term without its quantifier; *ret_atom tells whether it may have one. */
static bool write_term(Translator *t, size_t *depth, bool *ret_atom)
{
    char c = peek(t);
    *ret_atom = false;
    switch (c) {
    case '(':
        (*depth)++;
        return write_group_start(t);
    case ')':
        if (*depth == 0) {
            return refuse(t, "has an unmatched ')'");
        }
        (*depth)--;
        *ret_atom = true;
        break;
    case '|':
    case '^':
    case '$': /* the very end only: PCRE2_DOLLAR_ENDONLY */
        break;
    case '[':
        *ret_atom = true;
        return write_class(t);
    case '\\':
        return write_escape(t, ret_atom);
    case '.':
        t->at++;
        *ret_atom = true;
        buf_lit(t->out, "[^\\n\\r\\x{2028}\\x{2029}]");
        return true;
    default:
        *ret_atom = true;
        write_code_point(t, read_code_point(t));
        return true;
    }
    buf_char(t->out, c);
    t->at++;
    return true;
}

/* Groups are numbered before the translation, since \k<name> may stand before its group. */
static bool count_groups(Translator *t, Arena *work)
{
    VEC(Str) names = {.arena = work};
    bool in_class = false;
    for (t->at = 0; more(t); t->at++) {
        char c = peek(t);
        if (c == '\\') {
            t->at++;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = true;
        } else if (c == '(') {
            Str name = STR_EMPTY;
            bool named = looking_at(t, "(?<") && !looking_at(t, "(?<=") && !looking_at(t, "(?<!");
            if (named) {
                size_t end = str_find_char(str_from_index(t->in, t->at), '>');
                name = str_sub(t->in, t->at + 3, end == SIZE_MAX ? t->in.len : t->at + end);
            }
            if (named || !looking_at(t, "(?")) {
                for (size_t i = 0; named && i < names.n; i++) {
                    if (str_eq(names.at[i], name)) {
                        return refuse(t, "has two groups of the same name");
                    }
                }
                VEC_PUSH(&names, name);
            }
        }
    }
    t->at = 0;
    t->names = names.at;
    t->n_groups = names.n;
    return names.n <= SCHEMA_MAX_PATTERN_GROUPS ? true : refuse(t, "has too many groups");
}

bool jschema_regex_translate(Arena *work, Str ecma, Buf *out, const char **ret_why)
{
    Translator t = {.in = ecma, .out = out};
    size_t depth = 0;
    bool ok = true;
    if (ecma.len > SCHEMA_MAX_PATTERN_BYTES) {
        ok = refuse(&t, "is too long");
    } else if (!str_is_utf8(ecma, NULL)) {
        ok = refuse(&t, "is not valid UTF-8");
    } else {
        ok = count_groups(&t, work);
    }
    while (ok && more(&t)) {
        bool atom;
        if (at_quantifier(&t)) {
            ok = refuse(&t, "has nothing to repeat before a quantifier");
            break;
        }
        ok = write_term(&t, &depth, &atom);
        if (ok && atom && at_quantifier(&t)) {
            ok = write_quantifier(&t);
        }
    }
    if (ok && depth > 0) {
        ok = refuse(&t, "has an unclosed group");
    } else if (ok && !buf_ok(out)) {
        ok = refuse(&t, "is too long");
    }
    *ret_why = t.why;
    return ok;
}

static void pattern_free(void *code)
{
    pcre2_code_free(code);
}

/* The heap, not the arena: PCRE2 takes and gives back more than it keeps. */
static pcre2_code *code_compile(SchemaCompiler *c, Str text, const char **ret_why)
{
    Buf out = buf_init(NULL, SCHEMA_MAX_TRANSLATED_BYTES);
    pcre2_code *code = NULL;
    int error = 0;
    PCRE2_SIZE at = 0;
    if (jschema_regex_translate(c->work, text, &out, ret_why)) {
        code = pcre2_compile((PCRE2_SPTR)(out.len > 0 ? out.ptr : ""), out.len,
                             PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY |
                                 PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C,
                             &error, &at, c->pattern_context);
        if (code == NULL) {
            PCRE2_UCHAR message[200];
            if (pcre2_get_error_message(error, message, sizeof message) < 0) {
                message[0] = '\0';
            }
            *ret_why = str_fmt(c->work, "cannot be used: %s", (const char *)message).ptr;
        }
    }
    buf_done(&out);
    return code;
}

Rc jschema_pattern_compile(SchemaCompiler *c,
                           Str text,
                           const SchemaPattern **ret,
                           const char **ret_why)
{
    SchemaPattern *pattern = map_get(&c->patterns, text);
    if (pattern != NULL) {
        *ret = pattern;
        return RC_OK;
    }
    pcre2_code *code = code_compile(c, text, ret_why);
    if (code == NULL) {
        return RC_INVALID;
    }
    arena_defer(c->arena, pattern_free, code);
    size_t size = 0;
    IGNORE(pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size)); /* cannot fail for this item */
    c->pattern_bytes += size;
    if (c->pattern_bytes > SCHEMA_MAX_PATTERN_MEMORY) {
        *ret_why = "and those before it take too much memory; repeat less";
        return RC_INVALID;
    }
    if (size <= SCHEMA_MAX_JIT_BYTES) {
        /* Without executable memory the interpreter does the same work, slower. */
        IGNORE(pcre2_jit_compile(code, PCRE2_JIT_COMPLETE));
    }
    pattern = ARENA_NEW(c->arena, SchemaPattern);
    *pattern = (SchemaPattern){.text = text, .code = code};
    IGNORE(map_put(&c->patterns, text, pattern));
    *ret = pattern;
    return RC_OK;
}
