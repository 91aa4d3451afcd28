"""The Keras layers of the operators of a LiteRT file."""

import difflib
import re

_NUMBER = re.compile(r"_\d+$")
# Name of an output's tensor.
_OUTPUT = "StatefulPartitionedCall"


class LayerNames:
    """Finds a model's layers in the names that the converter gives to tensors.

    A tensor's name is the path of the scopes in which it was computed, as `functional_1/tsm_1/Conv1_1/convolution`:
    each scope is a layer's name and a number. A fused operator has the paths of all its parts, separated by semicolons.

    Args:
        model: The Keras model that was converted.

    Example:

    >>> LayerNames(model).of(["functional_1/action_net_1/block_2_expand_action_1/shift_1/depthwise"])
    ('block_2_expand_action/shift',)
    """

    def __init__(self, model):
        layers = list(model._flatten_layers(include_self=False))
        self._names = {layer.name for layer in layers}
        self._with_kernel = {layer.name for layer in layers if any(len(w.shape) >= 2 for w in layer.weights)}
        self._output = layers[-1].name if layers else model.name

    def of(self, tensors):
        """The layers of an operator, by the names of its outputs: `"layer"` or `"layer/sublayer"`, each once.

        The converter cuts off the beginning of long paths; their unknown scopes are ignored.
        """
        found = []
        for path in ";".join(tensors).split(";"):
            parts = [self._layer(scope) for scope in path.split("/")]
            name = "/".join(part for part in parts if part)
            if name and name not in found:
                found.append(name)
        return tuple(found)

    def main(self, tensors):
        """The layer that an operator is reported as: the one with its kernel, otherwise the first."""
        names = self.of(tensors)
        for name in names:
            if self._with_kernel & set(name.split("/")):
                return name
        if names:
            return names[0]
        return self._output if tensors[0].startswith(_OUTPUT) else tensors[0]

    def _layer(self, scope):
        plain = _NUMBER.sub("", scope)
        return plain if plain in self._names else scope if scope in self._names else None

    def matching(self, patterns, graph):
        """The operators of layers whose names match patterns.

        Args:
            patterns: Names of layers, or regular expressions for whole names. A layer includes its sublayers.
            graph: The `OperatorSummary` of each operator of the file.

        Returns:
            A list of `OperatorSummary`.

        Raises:
            ValueError: If a pattern matches no operator, or is not a regular expression.
        """
        named = [(operator, self.of(operator.tensors)) for operator in graph]
        chosen = {}
        for pattern in patterns:
            try:
                expression = re.compile(rf"(?:{pattern})(?:/.*)?")
            except re.error as error:
                raise ValueError(f"Not a regular expression: {error}. Received: {pattern!r}") from None
            places = [place for place, (_, names) in enumerate(named) if any(map(expression.fullmatch, names))]
            if not places:
                known = sorted({name for _, names in named for name in names})
                close = difflib.get_close_matches(pattern, known, n=3, cutoff=0.3) or known[:3]
                raise ValueError(
                    f"No layer has such a name. Similar names are {', '.join(close)}. Received: {pattern!r}"
                )
            chosen.update((place, named[place][0]) for place in places)
        return [chosen[place] for place in sorted(chosen)]
