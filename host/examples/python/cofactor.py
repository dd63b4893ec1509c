"""Cofactor's component in Python: values of the contract as JSON, the same JSON as everywhere else.

    verifier = Verifier("cofactor.wasm")
    policy = verifier.compile_policy("")
    transition = verifier.step(context, account, event)

Records are dictionaries with the names of wit/types.wit, variants `{"case": value}` (a plain string without a value), byte
lists lower-case hexadecimal, flags lists of names, absent options left out.
"""

from wasmtime import Config, Engine, Store
from wasmtime import component as wit

INTERFACE = "cofactor:mfa/verifier@0.1.0"


class Fault(Exception):
    """The component could not judge: always a denial. The fault, as JSON."""


class Verifier:
    """One component. Every call has an instance of its own, so no user's secrets are ever beside another's."""

    def __init__(self, path):
        self._engine = Engine(Config())
        self._component = wit.Component.from_file(self._engine, path)
        self._linker = wit.Linker(self._engine)  # Empty: the component imports nothing.
        self._shapes = {}

    def describe(self):
        return self._call("describe")

    def compile_policy(self, document):
        """What the operator's document compiles to; a Fault that lists the errors."""
        return self._call("compile-policy", document)

    def step(self, context, account, event):
        """Judges one event. `account` is what the last transition wrote, in hexadecimal, or None."""
        return self._call("step", context, account, event)

    def authorize(self, context, session, request):
        """Judges whether a session is enough for a request."""
        return self._call("authorize", context, session, request)

    def view(self, account):
        return self._call("view", account)

    def _call(self, name, *arguments):
        store = Store(self._engine)
        instance = self._linker.instantiate(store, self._component)
        interface = instance.get_export_index(store, INTERFACE)
        function = instance.get_func(store, instance.get_export_index(store, name, interface))
        parameters, result = self._signature(name, function, store)
        values = [lower(shape, argument) for shape, argument in zip(parameters, arguments)]
        answer = function(store, *values)
        if result[0] != "result":
            return lift(result, answer)
        _, right, wrong = result
        if right[0] == wrong[0]:  # Of one Python type: wasmtime says which of the two it is.
            failed, answer = answer.tag == "err", answer.payload
        else:
            failed = isinstance(answer, wit.Record) != (right[0] == "record")
        if failed:
            raise Fault(lift(wrong, answer))
        return lift(result[1], answer)

    def _signature(self, name, function, store):
        if name not in self._shapes:
            kind = function.type(store)
            self._shapes[name] = ([shape_of(kind) for _, kind in kind.params], shape_of(kind.result))
        return self._shapes[name]


def shape_of(kind):
    """A type of the contract as nested tuples, read from the component itself."""
    match kind:
        case wit.RecordType():
            return ("record", tuple((name, shape_of(field)) for name, field in kind.fields))
        case wit.VariantType():
            return ("variant", {name: case and shape_of(case) for name, case in kind.cases})
        case wit.ListType():
            element = shape_of(kind.element)
            return ("bytes",) if element == ("U8",) else ("list", element)
        case wit.OptionType():
            return ("option", shape_of(kind.payload))
        case wit.ResultType():
            return ("result", shape_of(kind.ok), shape_of(kind.err))
        case wit.TupleType():
            return ("tuple", tuple(shape_of(element) for element in kind.elements))
        case wit.FlagsType():
            return ("flags", tuple(kind.names))
        case _:
            return (type(kind).__name__,)


def lower(shape, value):
    """From JSON to what wasmtime takes. Every variant of the contract has two cases of one Python type, so all are tagged."""
    match shape:
        case ("record", fields):
            unknown = set(value) - {name for name, _ in fields}
            if unknown:
                raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
            record = wit.Record()
            for name, field in fields:
                setattr(record, name, lower(field, value.get(name, EMPTY.get(field[0]))))
            return record
        case ("variant", cases):
            tag, payload = (value, None) if isinstance(value, str) else next(iter(value.items()))
            shape = cases[tag]
            payload = None if shape is None else lower(shape, payload)
            return wit.Variant(tag, payload)
        case ("option", inner):
            return None if value is None else lower(inner, value)
        case ("list", element):
            return [lower(element, item) for item in value]
        case ("tuple", elements):
            return tuple(lower(element, item) for element, item in zip(elements, value))
        case ("bytes",):
            return bytes.fromhex(value)
        case ("flags", _):
            return set(value)
        case _:
            return value


def lift(shape, value):
    """From what wasmtime gives to JSON."""
    match shape:
        case ("record", fields):
            lifted = ((name, lift(field, getattr(value, name))) for name, field in fields)
            return {name: item for name, item in lifted if item is not None}
        case ("variant", cases):
            shape = cases[value.tag]
            return value.tag if shape is None else {value.tag: lift(shape, value.payload)}
        case ("option", inner):
            return None if value is None else lift(inner, value)
        case ("list", element):
            return [lift(element, item) for item in value]
        case ("tuple", elements):
            return [lift(element, item) for element, item in zip(elements, value)]
        case ("bytes",):
            return bytes(value).hex()
        case ("flags", names):
            return [name for name in names if name in value]
        case _:
            return value


# What a field has that was left out: the options, and the lists that may be empty.
EMPTY = {"list": (), "flags": (), "String": "", "U32": 0, "U64": 0, "U8": 0, "Bool": False}

