"""What holds for every library of a protocol family; one suite each, to be subclassed by the tests of a library."""
