"""Figures, animations and HTML reports of training, evaluation and recognition.

Each function returns a `matplotlib.figure.Figure` without a window and without pyplot's global state: it works without
a display, in threads, and in notebooks, which show a figure at the end of a cell. Matplotlib is imported when a figure
is drawn. Colours are those of Okabe and Ito and single-hue maps, which colour-blind people can distinguish.
"""

from keras_action.plots.activations import activation_figure, save_activation_animation
from keras_action.plots.confusion_matrix import confusion_matrix_figure
from keras_action.plots.contact_sheet import contact_sheet_figure
from keras_action.plots.curves import compared_curves_figure, curves_figure, learning_curves_figure
from keras_action.plots.evaluation_html import evaluation_page, worst_clips_figure
from keras_action.plots.events import events_figure
from keras_action.plots.figure import figure_to_png_bytes, save_figure
from keras_action.plots.html_report import HtmlReport
from keras_action.plots.operating_curve import operating_curve_figure
from keras_action.plots.quantization_error import quantization_error_figure

__all__ = [
    "HtmlReport",
    "activation_figure",
    "compared_curves_figure",
    "confusion_matrix_figure",
    "contact_sheet_figure",
    "curves_figure",
    "evaluation_page",
    "events_figure",
    "figure_to_png_bytes",
    "learning_curves_figure",
    "operating_curve_figure",
    "quantization_error_figure",
    "save_activation_animation",
    "save_figure",
    "worst_clips_figure",
]
