/* A prototype, to measure what a compiled part would buy: spans made, finished and encoded in C.

It does what a span by hand and a span around one call need (ids, clock, the context variable, the queue, OTLP's bytes with
attributes that are described once and remembered), and nothing else: no limits, no sampling, no exceptions, no threads.  It is
never part of the wheel. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

typedef struct {
    PyObject_HEAD
    uint64_t trace[2], id, parent, start, end;
    PyObject *name, *attributes, *previous;
} Span;

static PyTypeObject SpanType, WrapType;
static PyObject *current, *memo;
static uint64_t state = 88172645463325252ULL;
static Span **queue;
static size_t waiting, room;

static uint64_t random_bits(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (uint64_t)moment.tv_sec * 1000000000ULL + (uint64_t)moment.tv_nsec;
}

static Span *make(PyObject *name, PyObject *attributes)
{
    Span *span = PyObject_New(Span, &SpanType);
    if (span == NULL)
        return NULL;
    span->name = Py_NewRef(name);
    span->attributes = Py_XNewRef(attributes);
    span->previous = NULL;
    span->start = span->end = 0;
    return span;
}

static int begin(Span *span)
{
    if (PyContextVar_Get(current, NULL, &span->previous) < 0)
        return -1;
    if (span->previous != NULL && Py_IS_TYPE(span->previous, &SpanType)) {
        Span *parent = (Span *)span->previous;
        span->trace[0] = parent->trace[0];
        span->trace[1] = parent->trace[1];
        span->parent = parent->id;
    } else {
        span->trace[0] = random_bits();
        span->trace[1] = random_bits();
        span->parent = 0;
    }
    span->id = random_bits();
    PyObject *token = PyContextVar_Set(current, (PyObject *)span);
    if (token == NULL)
        return -1;
    Py_DECREF(token);
    span->start = now();
    return 0;
}

static int finish(Span *span)
{
    span->end = now();
    PyObject *token = PyContextVar_Set(current, span->previous != NULL ? span->previous : Py_None);
    if (token == NULL)
        return -1;
    Py_DECREF(token);
    Py_CLEAR(span->previous);
    if (waiting == room) {
        room = room ? 2 * room : 1024;
        queue = PyMem_Realloc(queue, room * sizeof(Span *));
        if (queue == NULL)
            return -1;
    }
    Py_INCREF(span);
    queue[waiting++] = span;
    return 0;
}

static void span_dealloc(PyObject *self)
{
    Span *span = (Span *)self;
    Py_XDECREF(span->name);
    Py_XDECREF(span->attributes);
    Py_XDECREF(span->previous);
    PyObject_Free(self);
}

static PyObject *span_enter(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return begin((Span *)self) < 0 ? NULL : Py_NewRef(self);
}

static PyObject *span_exit(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(count))
{
    if (finish((Span *)self) < 0)
        return NULL;
    Py_RETURN_FALSE;
}

static PyMethodDef span_methods[] = {
    {"__enter__", span_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))span_exit, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject SpanType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "compiled.Span",
    .tp_basicsize = sizeof(Span),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = span_dealloc,
    .tp_methods = span_methods,
};

static PyObject *by_hand(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t Py_UNUSED(count), PyObject *names)
{
    PyObject *attributes = PyDict_New();
    if (attributes == NULL)
        return NULL;
    for (Py_ssize_t at = 0; names != NULL && at < PyTuple_GET_SIZE(names); at++)
        if (PyDict_SetItem(attributes, PyTuple_GET_ITEM(names, at), args[1 + at]) < 0)
            return NULL;
    Span *span = make(args[0], attributes);
    Py_DECREF(attributes);
    return (PyObject *)span;
}

/* Around one function: its first argument is what the span tells of, as a statement is. */

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *original;
} Wrap;

static PyObject *wrap_call(PyObject *self, PyObject *const *args, size_t count, PyObject *names)
{
    Wrap *wrap = (Wrap *)self;
    Span *span = make(args[0], NULL);
    if (span == NULL || begin(span) < 0)
        return NULL;
    PyObject *result = PyObject_Vectorcall(wrap->original, args, count, names);
    if (finish(span) < 0)
        Py_CLEAR(result);
    Py_DECREF(span);
    return result;
}

static void wrap_dealloc(PyObject *self)
{
    Py_XDECREF(((Wrap *)self)->original);
    PyObject_Free(self);
}

static PyTypeObject WrapType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "compiled.Wrap",
    .tp_basicsize = sizeof(Wrap),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Wrap, call),
    .tp_call = PyVectorcall_Call,
    .tp_dealloc = wrap_dealloc,
};

static PyObject *wrapped(PyObject *Py_UNUSED(module), PyObject *original)
{
    Wrap *wrap = PyObject_New(Wrap, &WrapType);
    if (wrap == NULL)
        return NULL;
    wrap->call = wrap_call;
    wrap->original = Py_NewRef(original);
    return (PyObject *)wrap;
}

/* OTLP: a buffer that grows, and the few kinds of fields that a span has. */

static char *bytes;
static size_t length, capacity;

static char *more(size_t size)
{
    if (length + size > capacity) {
        capacity = 2 * (length + size);
        bytes = PyMem_Realloc(bytes, capacity);
    }
    char *at = bytes + length;
    length += size;
    return at;
}

static void put_number(uint64_t number)
{
    do {
        *more(1) = (char)((number & 127) | (number > 127 ? 128 : 0));
        number >>= 7;
    } while (number);
}

static void put(int tag, const void *data, size_t size)
{
    *more(1) = (char)tag;
    put_number(size);
    memcpy(more(size), data, size);
}

static void put_fixed(int tag, uint64_t number)
{
    *more(1) = (char)tag;
    memcpy(more(8), &number, 8);
}

static void close_message(size_t at) /* whose length of four bytes stands before ``at`` */
{
    uint32_t size = (uint32_t)(length - at);
    for (int place = 0; place < 4; place++, size >>= 7)
        bytes[at - 4 + place] = (char)((size & 127) | (place < 3 ? 128 : 0));
}

static size_t open_message(int tag)
{
    *more(1) = (char)tag;
    more(4);
    return length;
}

static int put_text(int tag, PyObject *text)
{
    Py_ssize_t size;
    const char *data = PyUnicode_AsUTF8AndSize(text, &size);
    if (data == NULL)
        return -1;
    put(tag, data, (size_t)size);
    return 0;
}

static int put_attribute(PyObject *key, PyObject *value)
{
    size_t pair = open_message(0x4a);
    if (put_text(0x0a, key) < 0)
        return -1;
    size_t any = open_message(0x12);
    if (PyUnicode_CheckExact(value)) {
        if (put_text(0x0a, value) < 0)
            return -1;
    } else if (PyBool_Check(value)) {
        *more(1) = 0x10;
        put_number(value == Py_True);
    } else if (PyLong_CheckExact(value)) {
        *more(1) = 0x18;
        put_number((uint64_t)PyLong_AsLongLong(value));
    } else {
        double number = PyFloat_AsDouble(value);
        *more(1) = 0x21;
        memcpy(more(8), &number, 8);
    }
    close_message(any);
    close_message(pair);
    return 0;
}

static int put_body(Span *span)
{
    PyObject *known = span->attributes == NULL ? PyDict_GetItemWithError(memo, span->name) : NULL;
    if (known != NULL) {
        memcpy(more((size_t)PyBytes_GET_SIZE(known)), PyBytes_AS_STRING(known), (size_t)PyBytes_GET_SIZE(known));
        return 0;
    }
    size_t from = length;
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (put_text(0x2a, span->name) < 0)
        return -1;
    *more(1) = 0x30;
    put_number(span->attributes == NULL ? 3 : 1);
    if (span->attributes != NULL) {
        while (PyDict_Next(span->attributes, &at, &key, &value))
            if (put_attribute(key, value) < 0)
                return -1;
        return 0;
    }
    PyObject *system = PyUnicode_FromString("db.system.name"), *text = PyUnicode_FromString("db.query.text"),
             *sqlite = PyUnicode_FromString("sqlite");
    if (put_attribute(system, sqlite) < 0 || put_attribute(text, span->name) < 0)
        return -1;
    known = PyBytes_FromStringAndSize(bytes + from, (Py_ssize_t)(length - from));
    int failed = known == NULL || PyDict_SetItem(memo, span->name, known) < 0;
    Py_XDECREF(known);
    Py_DECREF(system);
    Py_DECREF(text);
    Py_DECREF(sqlite);
    return failed ? -1 : 0;
}

static PyObject *drain(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    length = 0;
    for (size_t at = 0; at < waiting; at++) {
        Span *span = queue[at];
        size_t message = open_message(0x12);
        put(0x0a, span->trace, 16);
        put(0x12, &span->id, 8);
        if (span->parent)
            put(0x22, &span->parent, 8);
        put_fixed(0x39, span->start);
        put_fixed(0x41, span->end);
        if (put_body(span) < 0)
            return NULL;
        close_message(message);
        Py_DECREF(span);
    }
    waiting = 0;
    return PyBytes_FromStringAndSize(bytes, (Py_ssize_t)length);
}

static PyMethodDef functions[] = {
    {"span", (PyCFunction)(void (*)(void))by_hand, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"wrapped", wrapped, METH_O, NULL},
    {"drain", drain, METH_NOARGS, "Return what waits as the ScopeSpans of OTLP."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "compiled_span", NULL, -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_compiled_span(void)
{
    state ^= now();
    current = PyContextVar_New("current", NULL);
    memo = PyDict_New();
    if (current == NULL || memo == NULL || PyType_Ready(&SpanType) < 0 || PyType_Ready(&WrapType) < 0)
        return NULL;
    return PyModule_Create(&module);
}
