/* SPDX-License-Identifier: Apache-2.0
 * platform/contract/contract_route.c - from method and path to an operation.
 *
 * A trie of path segments. A static segment is tried before a parameter; when that branch has no
 * operation at its end, the parameter is tried, so /a/{x}/c serves /a/b/c beside /a/b/d. */
#include "base/buf.h"

#include "platform/contract/contract_priv.h"

enum { MAX_SEGMENTS = 24 };

RouteNode *route_new(Arena *arena)
{
    return ARENA_NEW(arena, RouteNode);
}

static int compare_segment(Str a, Str b)
{
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    return a.len ? memcmp(a.ptr, b.ptr, a.len) : 0;
}

static RouteNode *find_child(const RouteNode *node, Str segment, uint32_t *ret_at)
{
    uint32_t low = 0;
    uint32_t high = node->n_children;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = compare_segment(node->children[mid]->segment, segment);
        if (order == 0) {
            return node->children[mid];
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (ret_at) {
        *ret_at = low;
    }
    return NULL;
}

static RouteNode *add_child(Arena *arena, RouteNode *node, Str segment)
{
    uint32_t at = 0;
    if (str_starts(segment, STR("{"))) {
        if (!node->param) {
            node->param = route_new(arena);
        }
        return node->param;
    }
    RouteNode *child = find_child(node, segment, &at);
    if (child) {
        return child;
    }
    if (node->n_children == node->cap_children) {
        uint32_t cap = node->cap_children ? node->cap_children * 2 : 4;
        node->children = arena_grow(arena, node->children, node->cap_children * sizeof(RouteNode *),
                                    cap * sizeof(RouteNode *));
        node->cap_children = cap;
    }
    memmove(node->children + at + 1, node->children + at,
            (node->n_children - at) * sizeof(RouteNode *));
    child = route_new(arena);
    child->segment = segment;
    node->children[at] = child;
    node->n_children++;
    return child;
}

static void set_allow(Arena *arena, RouteNode *node)
{
    Buf out = buf_init(arena, 128);
    for (int m = 0; m < HTTP_OTHER; m++) {
        bool implied = (m == HTTP_HEAD && node->by_method[HTTP_GET]) || m == HTTP_OPTIONS;
        if (node->by_method[m] || implied) {
            buf_fmt(&out, "%s%s", out.len ? ", " : "", http_method_name((HttpMethod)m));
        }
    }
    node->allow = buf_str(&out);
}

bool route_add(Arena *arena, RouteNode *root, const Operation *op)
{
    RouteNode *node = root;
    Str rest = str_from_index(op->path, 1);
    Str segment;
    while (str_split(&rest, '/', &segment)) {
        node = add_child(arena, node, segment);
    }
    if (node->by_method[op->method]) {
        return false;
    }
    node->by_method[op->method] = op;
    set_allow(arena, node);
    return true;
}

static const RouteNode *
match(const RouteNode *node, const Str *segments, size_t n, Str *values, size_t *n_values)
{
    if (n == 0) {
        return node->allow.len ? node : NULL;
    }
    const RouteNode *child = find_child(node, segments[0], NULL);
    const RouteNode *found = child ? match(child, segments + 1, n - 1, values, n_values) : NULL;
    if (found || !node->param || segments[0].len == 0 || *n_values == CALL_PATH_MAX) {
        return found;
    }
    values[(*n_values)++] = segments[0];
    found = match(node->param, segments + 1, n - 1, values, n_values);
    if (!found) {
        (*n_values)--;
    }
    return found;
}

static Str decode(Arena *arena, Str raw)
{
    if (!memchr(raw.ptr, '%', raw.len)) {
        return raw;
    }
    Buf out = buf_init(arena, raw.len);
    return buf_unurl(&out, raw, false) ? buf_str(&out) : raw;
}

static const Operation *operation_of(const RouteNode *node, HttpMethod method)
{
    if (method == HTTP_OTHER) {
        return NULL;
    }
    const Operation *op = node->by_method[method];
    return op || method != HTTP_HEAD ? op : node->by_method[HTTP_GET];
}

Rc contract_match(const Contract *contract,
                  HttpMethod method,
                  Str path,
                  Arena *arena,
                  const Operation **ret,
                  HttpPair ret_path[CALL_PATH_MAX],
                  size_t *ret_n_path,
                  Str *ret_allow)
{
    Str segments[MAX_SEGMENTS];
    Str values[CALL_PATH_MAX];
    size_t n = 0;
    size_t n_values = 0;
    Str rest = str_from_index(path, 1);

    if (path.len == 0 || path.ptr[0] != '/') {
        return RC_NOT_FOUND;
    }
    while (n < MAX_SEGMENTS && str_split(&rest, '/', &segments[n])) {
        n++;
    }
    if (rest.ptr) {
        return RC_NOT_FOUND; /* deeper than any path of a contract */
    }
    const RouteNode *node = match(contract->root, segments, n, values, &n_values);
    if (!node) {
        return RC_NOT_FOUND;
    }
    *ret_allow = node->allow;
    const Operation *op = operation_of(node, method);
    if (!op) {
        return RC_METHOD;
    }
    for (size_t i = 0; i < n_values; i++) {
        ret_path[i] = (HttpPair){op->params[i].name, decode(arena, values[i])};
    }
    *ret = op;
    *ret_n_path = n_values;
    return RC_OK;
}
