"""Numbers by which functions of float and of double differ: polynomials and ends.

Each polynomial has the least relative error in its function: those of float by
reweighted least squares, those of double by Remez exchanges in 60 digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

Numbers = tuple[float, ...]
LOG2E, LOG10E = 1 / log(2), 0.4342944819032518


@dataclass(frozen=True)
class Format:
    """What functions on one type need to know of it."""

    mantissa: int  # bits
    bias: int  # of the exponent
    least: float  # the smallest normal number
    round: float  # added to a number it leaves a whole one in the last bits
    root_half: int  # the bits of about sqrt(1 / 2)
    ln2: tuple[float, float]  # log(2) in two parts
    ends: tuple[float, float]  # where exp begins and ends
    exp2_ends: tuple[float, float]
    expm1_ends: tuple[float, float]  # where it is -1 and infinity
    tanh_end: float  # where tanh is 1, and erf
    erf_end: float
    exp: Numbers  # (exp(r) - 1 - r) / r**2
    expm1: Numbers  # the same, to the last place at 0 too
    log: Numbers
    erf: Numbers  # erf(x) / x - 1, of x**2, to 0.9
    erfc: Numbers  # -log(1 - erf(x)), from 0.9 to the end, of x - erfc_middle
    erfc_middle: float


# Of float alone.
EXP2 = (0.6931471824645996, 0.24022650718688965, 0.055503275245428085,
        0.009618005715310574, 0.001340030925348401, 0.000154759269207716)  # fmt: skip
SIN = (-0.1666666716337204, 0.008333329111337662, -0.0001983933470910415,
       2.7183041311218403e-06)  # fmt: skip
COS = (0.04166664555668831, -0.0013887366512790322, 2.4438377295155078e-05)

# fmt: off
SINGLE = Format(
    mantissa=23,
    bias=127,
    least=1.1754943508222875e-38,
    round=1.5 * 2.0**23,
    root_half=0x3F3504F3,
    # The first part has zeros at its end.
    ln2=(0.693145751953125, 1.428606820309417e-06),
    ends=(-87.33654022216797, 88.72283935546875),
    exp2_ends=(-126, 127.99999237060547),
    expm1_ends=(-30, 89),
    tanh_end=10,
    erf_end=4,
    exp=(0.5, 0.166665181517601, 0.04166620597243309, 0.008368954062461853,
         0.0013950599823147058),
    expm1=(0.5, 0.1666666716337204, 0.04166635498404503, 0.00833327416330576,
           0.0013941116631031036, 0.00019913706637453288),
    log=(0.33333316445350647, -0.2500082552433014, 0.20002374053001404,
         -0.16623997688293457, 0.1417882889509201, -0.13132230937480927,
         0.1290014237165451, -0.07872853428125381),
    erf=(0.1283791065216064, -0.3761253356933594, 0.11282230168581009,
         -0.02678195759654045, 0.005016228184103966,
         -0.000611129158642143),
    erfc=(0.0001664390874793753, 1.127797245979309, 0.6369760036468506,
          0.10411374270915985, -0.02231524884700775, 0.003065499709919095,
          -0.00019822070316877216),
    erfc_middle=0,
)

EXP_DOUBLE = (0.5000000000000006, 0.1666666666666659, 0.04166666666657686,
              0.008333333333389056, 0.0013888888931530658, 0.00019841269720219452,
              2.480150531444256e-05, 2.755740638826497e-06, 2.7626021749850335e-07,
              2.5054152762631675e-08)  # fmt: skip
DOUBLE = Format(
    mantissa=52,
    bias=1023,
    least=2.2250738585072014e-308,
    round=1.5 * 2.0**52,
    root_half=0x3FE6A09E667F3BCD,
    ln2=(0.6931471805599453, 2.3190468138462996e-17),
    ends=(-708.3964185322641, 709.782712893384),
    exp2_ends=(-1022, 1023.9999999999999),
    expm1_ends=(-40, 710),
    tanh_end=20,
    erf_end=6,
    exp=EXP_DOUBLE,
    expm1=EXP_DOUBLE,
    log=(0.6666666666666734, 0.3999999999941427, 0.2857142874249901,
         0.22222198560545886, 0.18183565023529452, 0.15314031937901046,
         0.14796142347580532),
    erf=(0.1283791670955126, -0.37612638903183726, 0.11283791670953523,
         -0.02686617064476991, 0.005223977621221888, -0.0008548326731881044,
         0.00012055320176639948, -1.4925278904862206e-05, 1.6454892473979539e-06,
         -1.627240259514591e-07, 1.4029471459802216e-08,
         -8.44331281199638e-10),
    erfc=(1.8496055099332482, 2.638967514234788, 0.8431072563585462,
          0.04156109804726464, -0.010033825446568317, 0.0019779030273279386,
          -0.00023732409081052565, -2.627477958939113e-05, 2.7156862114860344e-05,
          -9.612681395571168e-06, 2.072669662973102e-06, -1.6117545828136206e-07,
          -8.137029340721086e-08, 4.2361251463110455e-08, -1.0920420825688954e-08,
          1.743846180790093e-09, -1.6383085118353217e-10,
          6.953460931937674e-12),
    erfc_middle=1,
)
# fmt: on


def format_of(type: str) -> Format:
    """The numbers of LLVM's `float` or `double`."""
    return DOUBLE if type == "double" else SINGLE
