import a, b
from .c import (d,
 e)
try:
  import x
except ImportError:
  import y
"""doc"""
