// The headers that yoke.cmake precompiles want a source file beside them.
