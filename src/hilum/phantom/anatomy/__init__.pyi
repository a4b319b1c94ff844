from .thorax import Thorax as Thorax
