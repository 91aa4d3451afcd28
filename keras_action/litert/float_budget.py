"""Which layers of an integer file are worth computing in floats."""

import numpy as np

from keras_action.litert.model import signature_runner
from keras_action.litert.quantization_error import compare_files
from keras_action.litert.signature import LOGITS, real_values

# Clips on which noise and logits are compared.
BUDGET_CLIPS = 8


def choose_float_layers(floats, integers, make, samples, graph, kept, edges, budget, names):
    """The operators of an integer file that are to stay float within a budget.

    Layers are taken in the order of the noise they add for each multiply-add, the most first, as long as the budget
    lasts. Multiply-adds are the budget's measure as they are what floats cost: time. They are taken only if the logits
    come nearer to the float file's.

    Args:
        floats: The bytes of the float file.
        integers: The bytes of the integer file as it is without a budget.
        make: Called with a list of `OperatorSummary` to keep in float; returns the bytes of a file, and more.
        samples: A list of dicts of inputs.
        graph: The `OperatorSummary` of each operator of the float file.
        kept: The `OperatorSummary` of what stays float anyway.
        edges: The names of the tensors that are bytes at the file's edges: a layer that takes or gives one is left out.
        budget: The share of all multiply-adds, 0..1.
        names: The `LayerNames` of the model.

    Returns:
        A list of `OperatorSummary`, with all of `kept`; empty if nothing is gained.
    """
    operators = {operator.tensors[0]: operator for operator in graph if operator.tensors}
    already = {operator.tensors[0] for operator in kept}
    # By layer: to keep an operator's neighbours in integers would have it pass floats in and out all the time.
    groups = {}
    for operator in compare_files(floats, integers, samples, names).operators:
        if operator.tensor not in already:
            group = groups.setdefault(operator.layer, [[], 0.0, 0])
            group[0].append(operators[operator.tensor])
            group[1] += operator.added
            group[2] += operator.multiply_adds
    for operator in graph:
        if not edges.isdisjoint((*operator.tensors, *operator.inputs)):
            groups.pop(names.main(operator.tensors), None)
    left = budget * sum(operator.multiply_adds for operator in graph)
    chosen = list(kept)
    for members, added, cost in sorted(groups.values(), key=lambda group: group[1] / max(group[2], 1), reverse=True):
        if added and cost <= left:
            chosen.extend(members)
            left -= cost
    if len(chosen) == len(kept):
        return []
    before, after = (_logits_gap(floats, file, samples) for file in (integers, make(chosen)[0]))
    return chosen if after < before else []


def _logits_gap(floats, integers, samples):
    """The mean square of the difference between the files' logits."""
    reference, quantized = (_Logits(file) for file in (floats, integers))
    return float(np.mean([np.square(reference(sample) - quantized(sample)).mean() for sample in samples]))


class _Logits:
    """A file as a function of a dict of float inputs to float logits."""

    def __init__(self, file):
        self._run = signature_runner(file, "file")
        self._dtypes = {name: details["dtype"] for name, details in self._run.get_input_details().items()}
        self._quantization = self._run.get_output_details()[LOGITS]["quantization"]

    def __call__(self, sample):
        outputs = self._run(**{name: value.astype(self._dtypes[name]) for name, value in sample.items()})
        return real_values(outputs[LOGITS], self._quantization)
